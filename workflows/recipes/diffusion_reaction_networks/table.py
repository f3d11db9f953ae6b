"""Prints the scores of several networks' runs beside the baselines: table.py SPLIT RUN…

Scores are vrmse.well, the mean of both fields: of every window one step ahead, and of the rollouts the mean over
their steps and the largest of them. Seconds of an update are the median over the training.
"""
import csv
import json
import pathlib
import re
import statistics
import sys

METRIC = "vrmse.well"


def scores_of(report, method):
    steps = [step["scores"][METRIC][method]["mean"] for step in report["steps"]]
    steps = [float("inf") if score is None else score for score in steps]
    return report["one_step"][METRIC][method]["mean"], statistics.mean(steps), max(steps)


def parameters_of(run):
    """As the training's log says it: millions."""
    return float(re.search(r"([\d.]+) million parameters", (run / "log.txt").read_text())[1])


def seconds_of(run):
    batch = int(re.search(r"^\s+batch: (\d+)", (run / "config.yaml").read_text(), re.MULTILINE)[1])
    with open(run / "metrics.csv", newline="") as file:
        rates = [float(row["samples_per_second"]) for row in csv.DictReader(file) if row["samples_per_second"]]
    return batch / statistics.median(rates)


def row(name, parameters, seconds, scores):
    print(f"| {name} | {parameters} | {seconds} | " + " | ".join(f"{score:.4f}" for score in scores) + " |")


def main():
    split, runs = sys.argv[1], [pathlib.Path(run) for run in sys.argv[2:]]
    reports = {run: json.loads((run / f"evaluation-{split}.json").read_text()) for run in runs}
    print("| network | parameters [M] | seconds an update | one step | mean of the rollout | worst step |")
    print("|---|---|---|---|---|---|")
    for run, report in reports.items():
        row(run.name.rpartition("-")[2], f"{parameters_of(run):.2f}", f"{seconds_of(run):.3f}", scores_of(report, "model"))
    some = next(iter(reports.values()))
    for baseline in ("persistence", "linear"):
        row(baseline, "–", "–", scores_of(some, baseline))


if __name__ == "__main__":
    main()
