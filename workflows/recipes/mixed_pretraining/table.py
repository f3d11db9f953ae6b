"""Prints scores of one network on several data sets beside the baselines: table.py RUN/SPLIT-SET-STRIDE.json …

Scores are vrmse.well, the mean of the set's fields: of every window one step ahead, and of the last of the rollouts'
three steps.
"""
import json
import pathlib
import sys

METRIC = "vrmse.well"


def scores_of(step):
    return [step["scores"][METRIC][method]["mean"] for method in ("model", "persistence", "linear")]


def main():
    print("| network | set | stride | one step | persistence | linear | third step | persistence | linear |")
    print("|---|---|---|---|---|---|---|---|---|")
    for path in map(pathlib.Path, sys.argv[1:]):
        report = json.loads(path.read_text())
        one_step = {"scores": report["one_step"]}
        scores = scores_of(one_step) + scores_of(report["steps"][-1])
        _, data_set, stride = path.stem.rsplit("-", 2)
        print(f"| {path.parent.name.rpartition('-')[2]} | {data_set} | {stride} | ",
              " | ".join(f"{score:.3f}" for score in scores), " |", sep="")


if __name__ == "__main__":
    main()
