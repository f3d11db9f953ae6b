"""Says what the pictures of a report show: check_side_by_side.py FOLDER"""
import os
import sys

from matplotlib import cbook

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../workflows/reporting"))
import figures  # noqa: E402
import report  # noqa: E402
from drawn import side_by_side, spectra_of_truth, sums_of_truth  # noqa: E402


class Page:
    """Keeps the figures of a section."""

    def __init__(self):
        self.figures = []

    def picture(self, name, figure, caption):
        self.figures.append(figure)

    def note(self, text):
        pass

    def missing(self, run, what, command):
        pass


def words(text):
    """What is read where matplotlib draws this text."""
    assert not cbook.is_math_text(text), text
    return text.replace(r"\$", "$")


def names_in(place):
    return ", ".join(words(text.get_text()) for text in place.get_texts())


def figures_of(make, *arguments):
    page = Page()
    make(page, *arguments)
    return page.figures


def lead_time(figure):
    """Axes, legend, and a line a curve in each panel."""
    shown = [axis for axis in figure.axes if axis.get_visible()]
    panels = [f"{words(a.get_title('left'))}: {words(a.get_ylabel())} × {len(a.lines)}" for a in shown]
    return f"{'; '.join(panels)} against {words(shown[0].get_xlabel())} of {names_in(figure.legends[0])}"


def pictures(figure):
    """Kind of each row, the panels it has, and its colour bar."""
    bars = [words(axis.get_ylabel()) for axis in figure.axes if axis.get_label() == "<colorbar>"]
    panels = [axis for axis in figure.axes if axis.get_label() != "<colorbar>"]
    kinds = [text.get_text() for axis in panels for text in axis.texts]
    images = sum(len(axis.images) + len(axis.collections) for axis in panels)
    return f"{', '.join(f'{kind} {bar}' for kind, bar in zip(kinds, bars, strict=True))}; {images} panels"


def main():
    figures.png = lambda figure: figure  # as it was drawn
    loaded = report.load(sys.argv[1])
    runs = loaded["runs"]
    for figure in figures_of(report.lead_time, loaded, runs):
        print(f"lead time: {lead_time(figure)}")
    for figure in dict.fromkeys(map(pictures, figures_of(report.pictures, runs))):
        print(f"pictures: {figure}")
    shown = [drawn for run in runs for drawn in run["drawn"]]
    spectra, sums = (side_by_side(shown, truths) for truths in (spectra_of_truth, sums_of_truth))
    assert len(spectra) == len(sums), (spectra, sums)
    for groups in zip(spectra, sums):
        for name, group in zip(("spectra", "sums"), groups):
            figure = getattr(figures, name)(group)
            panels = {tuple(line.get_label() for line in axis.lines) for axis in figure.axes if axis.lines}
            assert len(panels) == 1, panels
            legends = {names_in(axis.get_legend()) for axis in figure.axes if axis.get_legend()}
            assert legends == {", ".join(panels.pop())}, legends
            print(f"{name}: {legends.pop()}")


main()
