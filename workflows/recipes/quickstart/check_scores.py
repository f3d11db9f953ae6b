"""Whether a forecast is what ./quickstart promises: check_scores.py evaluation.json

At every step vrmse.well of every field below persistence and below 1 (the mean), on data that change: persistence
is wrong by 0.2 or more after one step.
"""
import json
import math
import sys

METRIC = "vrmse.well"
STEPS = 30
CHANGE = 0.2


def scores(path):
    """[(step, field, model, persistence)]; what is missing or null is NaN."""
    try:
        with open(path) as file:
            report = json.load(file)
        rows = [(entry["step"], entry["scores"][METRIC], report["fields"]) for entry in report["steps"]]
        return [(step, field, *(float("nan") if score[method][field] is None else score[method][field]
                                for method in ("model", "persistence")))
                for step, score, fields in rows for field in fields]
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"error: '{path}' is not what 'eddyline evaluate' writes: {error}")


def main():
    path = sys.argv[1]
    rows = scores(path)
    steps = len({row[0] for row in rows})
    if steps < STEPS:
        sys.exit(f"error: '{path}' holds {steps} steps; quickstart promises {STEPS}: evaluate with horizon={STEPS} or more")
    for step, field, model, persistence in rows:
        if step == 1 and not persistence >= CHANGE:
            sys.exit(f"error: persistence has {METRIC} {persistence:.4g} of '{field}' after one step; on data that hardly "
                     f"change (less than {CHANGE}) a good forecast says little")
        if not (model < 1 and model < persistence):
            sys.exit(f"error: {METRIC} of '{field}' is {model:.4g} at step {step}, where persistence has {persistence:.4g}; "
                     "quickstart promises less than that and less than 1: was the training cut short, or train.yaml changed?")
    step, field, model, _ = max(rows, key=lambda row: row[2])
    print(f"{METRIC} is below persistence and below 1 at every one of {steps} steps: at most {model:.4g} ({field}, step {step})")


if __name__ == "__main__":
    main()
