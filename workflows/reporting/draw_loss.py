"""Draws the losses and the learning rate of a training run: metrics.csv -> PNG.

  .venv/bin/python workflows/reporting/draw_loss.py runs/x/metrics.csv runs/x/pictures/loss.png
"""
import argparse
import csv
import os
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

INK = "#21262f"
COLOURS = {"train": "#2a6f97", "valid": "#d1495b", "rate": "#8d99ae"}


def columns(path):
    """Column name -> (steps, values), empty cells left out."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or "step" not in rows[0]:
        sys.exit(f"error: '{path}' has no column 'step'; it must be a metrics.csv that 'eddyline train' wrote")
    table = {}
    for name in rows[0]:
        pairs = []
        for row in rows:
            try:
                pairs.append((float(row["step"]), float(row[name])))
            except (TypeError, ValueError):
                continue
        if pairs:
            table[name] = tuple(zip(*pairs))
    return table


def pick(table, *words):
    """The first column whose name holds all of the words of one of the alternatives."""
    for alternative in words:
        for name in table:
            if all(word in name.lower() for word in alternative.split()):
                return name
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("metrics", help="metrics.csv of a run")
    parser.add_argument("picture", help="PNG file to write")
    parser.add_argument("--title", default="", help="heading")
    options = parser.parse_args()
    table = columns(options.metrics)
    train = pick(table, "train loss", "loss")
    valid = pick(table, "valid loss", "val loss", "valid")
    rate = pick(table, "learning_rate", "rate", "lr")
    if train is None:
        sys.exit(f"error: '{options.metrics}' has no loss; columns: {', '.join(table)}")

    plt.rcParams.update({"font.size": 12, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
                         "axes.edgecolor": "#c3c8d0", "axes.spines.top": False})
    figure, axis = plt.subplots(figsize=(9, 5), dpi=150)
    axis.plot(*table[train], color=COLOURS["train"], linewidth=1.6, label="training")
    if valid and valid != train:
        axis.plot(*table[valid], color=COLOURS["valid"], linewidth=2, marker="o", markersize=5, label="validation")
    if min(table[train][1]) > 0:
        axis.set_yscale("log")
    axis.set_xlabel("optimiser step")
    axis.set_ylabel("loss")
    axis.grid(True, which="both", color="#e9ecef", linewidth=0.8)
    axis.set_axisbelow(True)
    handles, labels = axis.get_legend_handles_labels()
    if rate:
        right = axis.twinx()
        right.plot(*table[rate], color=COLOURS["rate"], linewidth=1.2, linestyle="--", label="learning rate")
        right.set_ylabel("learning rate")
        right.set_ylim(0, 1.08 * max(table[rate][1]))
        right.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
        more = right.get_legend_handles_labels()
        handles, labels = handles + more[0], labels + more[1]
    axis.legend(handles, labels, frameon=False, loc="upper right")
    axis.set_title(options.title or "training of " + os.path.basename(os.path.dirname(os.path.abspath(options.metrics))),
                   loc="left", fontweight="bold")
    figure.tight_layout()
    os.makedirs(os.path.dirname(os.path.abspath(options.picture)), exist_ok=True)
    figure.savefig(options.picture)
    print(f"wrote {options.picture}")


main()
