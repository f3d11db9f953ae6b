"""Forecasts of the recipe's target hours that need no network, with the errors that a model has to beat.

  .venv/bin/python workflows/recipes/era5_t2m/baselines.py [FILE.nc]

All are for 6 h ahead, scored on target hours 624 to 743, root mean square over hours and cells [K]; what is
fitted (means, principal components, ridge regression) reads hours 0 to 599 only. The ridge's penalty and
number of components are chosen on target hours 504 to 599 after a fit to hours 0 to 479.
"""
import itertools
import sys

import h5py
import numpy as np

LEAD = 6
TRAINED = 600                     # hours that may be learned from
SCORED = np.arange(624, 744)
DEFAULT = "../shared/data/climate/era5_t2m_2019-03.nc"


def read(path):
    with h5py.File(path) as file:
        values = file["t2m"][...].astype("f8")
    return values.reshape(len(values), -1)


def rmse(forecast, truth):
    return float(np.sqrt(((forecast - truth) ** 2).mean()))


def hourly_climatology(field, hours):
    return np.stack([field[np.arange(hour, TRAINED, 24)].mean(0) for hour in range(24)])[hours % 24]


def ridge(field, fitted, hours, frames, components, penalty):
    """Regression of the change over LEAD hours on principal components of some frames and the time of day."""
    mean = field[:fitted].mean(0)
    vectors = np.linalg.svd(field[:fitted] - mean, full_matrices=False)[2][:components]
    scores = (field - mean) @ vectors.T

    def inputs(targets):
        angle = 2 * np.pi * (targets % 24) / 24
        day = [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle), np.ones(len(targets))]
        return np.hstack([scores[targets - LEAD - frame] for frame in frames] + [np.stack(day, 1)])

    targets = np.arange(max(frames) + LEAD, fitted)
    known = inputs(targets)
    size = known.std(0)
    size[-1] = 1
    known = known / size
    weights = penalty * np.eye(known.shape[1])
    weights[-1, -1] = 0
    change = field[targets] - field[targets - LEAD]
    solution = np.linalg.solve(known.T @ known + len(known) * weights, known.T @ change)
    return field[hours - LEAD] + inputs(hours) / size @ solution


def best_ridge(field, frames):
    """Error on the scored hours of the setting that is best on hours 504 to 599."""
    chosen = np.arange(504, 600)
    settings = itertools.product((10, 20, 40, 60), (0.01, 0.03, 0.1, 0.3, 1.0))
    best = min(settings, key=lambda s: rmse(ridge(field, 480, chosen, frames, *s), field[chosen]))
    return rmse(ridge(field, TRAINED, SCORED, frames, *best), field[SCORED]), best


def main():
    field = read(sys.argv[1] if len(sys.argv) > 1 else DEFAULT)
    truth = field[SCORED]
    rows = [("persistence", rmse(field[SCORED - LEAD], truth)),
            ("hour-of-day climatology", rmse(hourly_climatology(field, SCORED), truth)),
            ("persistence of 24 h", rmse(field[SCORED - 24], truth))]
    for name, frames in (("ridge, one frame", (0,)), ("ridge, four frames 6 h apart", (0, 6, 12, 18))):
        error, (components, penalty) = best_ridge(field, frames)
        rows.append((f"{name} ({components} components, penalty {penalty})", error))
    for name, error in rows:
        print(f"{error:6.3f}  {name}")


if __name__ == "__main__":
    main()
