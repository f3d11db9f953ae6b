"""Says which lines the spectra and sums of a report have in each panel: check_side_by_side.py FOLDER"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../workflows/reporting"))
import figures  # noqa: E402
import report  # noqa: E402
from drawn import side_by_side, spectra_of_truth, sums_of_truth  # noqa: E402


def main():
    figures.png = lambda figure: figure  # as it was drawn
    loaded = report.load(sys.argv[1])
    shown = [drawn for run in loaded["runs"] for drawn in run["drawn"]]
    spectra, sums = (side_by_side(shown, truths) for truths in (spectra_of_truth, sums_of_truth))
    assert len(spectra) == len(sums), (spectra, sums)
    for groups in zip(spectra, sums):
        for name, group in zip(("spectra", "sums"), groups):
            panels = {tuple(line.get_label() for line in axis.lines) for axis in getattr(figures, name)(group).axes if axis.lines}
            assert len(panels) == 1, panels
            print(f"{name}: {', '.join(panels.pop())}")


main()
