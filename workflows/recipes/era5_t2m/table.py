"""Prints the errors of some runs' evaluation.json, their mean and their spread: table.py RUN…"""
import json
import pathlib
import statistics
import sys

METRIC = "rmse.unweighted"


def error_of(run):
    report = json.loads((pathlib.Path(run) / "evaluation.json").read_text())
    return report["one_step"][METRIC]["model"]["mean"]


def main():
    errors = {run: error_of(run) for run in sys.argv[1:]}
    for run, error in errors.items():
        print(f"{error:6.3f}  MORPH, {run}")
    spread = statistics.stdev(errors.values()) if len(errors) > 1 else 0
    print(f"{statistics.mean(errors.values()):6.3f}  MORPH, mean of {len(errors)} (standard deviation {spread:.3f})")


if __name__ == "__main__":
    main()
