"""Prints the errors of a run by lead time and draws them: draw.py RUN

Reads RUN/evaluation-<hours>.json, writes RUN/pictures/lead_times.png.
"""
import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

METRIC = "rmse.unweighted"
INK = "#21262f"
METHODS = {"model": ("ClimaX", "#d1495b"), "persistence": ("persistence", "#8d99ae"),
           "climatology": ("hour-of-day climatology", "#2a6f97")}


def errors_of(run):
    """Hours -> method -> error, in the order of the hours."""
    scores = [file for file in run.glob("evaluation-*.json") if file.stem[-1].isdigit()]  # not their records
    files = {int(file.stem.rpartition("-")[2]): file for file in scores}
    if not files:
        sys.exit(f"error: '{run}' has no evaluation-<hours>.json; the recipe's 'run' writes them")
    found = {hours: json.loads(files[hours].read_text())["one_step"][METRIC] for hours in sorted(files)}
    return {hours: {method: score[method]["mean"] for method in METHODS} for hours, score in found.items()}


def print_table(errors):
    print("| lead time [h] | " + " | ".join(name for name, _ in METHODS.values()) + " |")
    print("|---" * (1 + len(METHODS)) + "|")
    for hours, of_method in errors.items():
        print(f"| {hours} | " + " | ".join(f"{error:.3f}" for error in of_method.values()) + " |")


def draw(errors, picture):
    plt.rcParams.update({"font.size": 12, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK,
                         "ytick.color": INK, "axes.edgecolor": "#c3c8d0", "axes.spines.top": False,
                         "axes.spines.right": False})
    figure, axis = plt.subplots(figsize=(9, 5), dpi=150)
    for method, (name, colour) in METHODS.items():
        axis.plot(list(errors), [row[method] for row in errors.values()], color=colour, linewidth=2, marker="o",
                  markersize=5, label=name)
    axis.set_xlabel("lead time [h]")
    axis.set_ylabel("RMSE of 2 m temperature [K]")
    axis.set_xticks(list(errors))
    axis.set_ylim(bottom=0)
    axis.grid(True, color="#e9ecef", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.legend(frameon=False)
    axis.set_title("one network, every lead time: target hours 624 to 743", loc="left", fontweight="bold")
    figure.tight_layout()
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture)
    print(f"wrote {picture}")


def main():
    run = pathlib.Path(sys.argv[1])
    errors = errors_of(run)
    print_table(errors)
    draw(errors, run / "pictures" / "lead_times.png")


if __name__ == "__main__":
    main()
