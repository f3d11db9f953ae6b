"""Draws truth, prediction and error of a rollout at several times as one picture, with ParaView.

  xvfb-run -a -s "-screen 0 1280x1024x24 -noreset" \\
    pvbatch workflows/reporting/draw_rollout.py ROLLOUT.xdmf PICTURE.png [--field u] [--steps 0,5,10,20,30]
                                                [--title TEXT]

Without truth in the file only the prediction is drawn. Truth and prediction share one colour range, the
truth's over the times drawn; the error has its own, symmetric about zero. Three-dimensional data are cut in
the middle of z.
"""
import argparse
import os
import sys
import xml.etree.ElementTree as xml

from paraview.simple import *  # noqa: F403

ROW_GAP = 0.10      # share of a panel's height
COLUMN_GAP = 0.07   # share of a panel's width
INK = [0.13, 0.15, 0.19]
PIXELS_PER_PANEL = 300


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rollout", help="XDMF file that 'eddyline rollout' wrote")
    parser.add_argument("picture", help="PNG file to write")
    parser.add_argument("--field", default="", help="field to draw; the first scalar if not given")
    parser.add_argument("--steps", default="", help="frames to draw, from 0; five evenly spread ones if not given")
    parser.add_argument("--title", default="", help="heading; the data set's name and the model if not given")
    return parser.parse_args()


def facts_of(path):
    """Name, made by, time unit and units of the fields, from the file's text."""
    root = xml.parse(path).getroot()
    facts = {"units": {}}
    for item in root.find("Domain").findall("Information"):
        facts[item.get("Name")] = item.get("Value")
    collection = root.find("Domain/Grid")
    facts["name"] = collection.get("Name")
    for attribute in collection.find("Grid").findall("Attribute"):
        unit = attribute.find("Information")
        facts["units"][attribute.get("Name")] = unit.get("Value") if unit is not None else ""
    return facts


def choose_field(source, wanted):
    names = [array.GetName() for array in source.PointData]
    plain = [n for n in names if not n.endswith(("_truth", "_error")) and source.PointData[n].GetNumberOfComponents() == 1]
    if wanted and wanted not in names:
        sys.exit(f"error: there is no field '{wanted}'; there are: {', '.join(names)}")
    field = wanted or (plain or names)[0]
    rows = [(field + "_truth", "truth"), (field, "prediction"), (field + "_error", "error")]
    return field, [row for row in rows if row[0] in names]


def choose_times(source, steps):
    times = list(source.TimestepValues)
    if steps:
        numbers = [int(s) for s in steps.split(",")]
    else:
        last = len(times) - 1
        numbers = sorted({round(last * share) for share in (0, 0.25, 0.5, 0.75, 1)})
    for number in numbers:
        if not 0 <= number < len(times):
            sys.exit(f"error: there is no frame {number}; the file has 0 to {len(times) - 1}")
    return [(number, times[number]) for number in numbers]


def middle_plane(source):
    """The data themselves if they are flat, else the plane in the middle of z."""
    extent = source.GetDataInformation().GetExtent()
    if extent[5] == extent[4]:
        return source
    middle = (extent[4] + extent[5]) // 2
    plane = ExtractSubset(Input=source)
    plane.VOI = [extent[0], extent[1], extent[2], extent[3], middle, middle]
    return plane


def range_over(source, name, times):
    low, high = float("inf"), float("-inf")
    for _, time in times:
        source.UpdatePipeline(time)
        array = source.PointData[name]
        least, most = array.GetRange(-1 if array.GetNumberOfComponents() > 1 else 0)
        low, high = min(low, least), max(high, most)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def colours(name, limits, preset):
    table = GetColorTransferFunction(name)
    table.AutomaticRescaleRangeMode = "Never"
    table.ApplyPreset(preset, True)
    table.RescaleTransferFunction(*limits)
    table.NanColor = [0.85, 0.85, 0.85]
    return table


def write(view, text, place, size, bold=0):
    """Text that begins at a place; billboards know no other alignment."""
    source = Text(Text=text)
    shown = Show(source, view)
    shown.TextPropMode = "Billboard 3D Text"
    shown.BillboardPosition = [place[0], place[1], 0.0]
    shown.FontSize = size
    shown.Bold = bold
    shown.Color = INK
    return shown


class Sheet:
    """Panels side by side in one view; a panel is one unit wide."""

    def __init__(self, aspect, columns, rows):
        self.aspect, self.columns, self.rows = aspect, columns, rows
        self.step_x = 1 + COLUMN_GAP
        self.step_y = aspect * (1 + ROW_GAP)
        self.left, self.right, self.top, self.bottom = 0.55, 0.55, 0.46, 0.06
        self.width = self.left + columns * self.step_x + self.right
        self.height = self.top + rows * self.step_y + self.bottom
        self.view = CreateRenderView()
        self.pixels = [round(self.width * PIXELS_PER_PANEL), round(self.height * PIXELS_PER_PANEL)]
        view = self.view
        view.ViewSize = self.pixels
        view.UseColorPaletteForBackground = 0
        view.Background = [1, 1, 1]
        view.OrientationAxesVisibility = 0
        view.InteractionMode = "2D"
        view.CameraParallelProjection = 1
        middle = [self.width / 2 - self.left, self.top - self.height / 2]
        view.CameraFocalPoint = [middle[0], middle[1], 0]
        view.CameraPosition = [middle[0], middle[1], 10]
        view.CameraViewUp = [0, 1, 0]
        view.CameraParallelScale = self.height / 2

    def corner(self, row, column):
        """Lower left corner of a panel."""
        return column * self.step_x, -row * self.step_y - self.aspect

    def place(self, panel, bounds, row, column):
        x, y = self.corner(row, column)
        scale = 1 / (bounds[1] - bounds[0])
        moved = Transform(Input=panel)
        moved.Transform.Scale = [scale, scale * self.aspect / (scale * (bounds[3] - bounds[2])), 1]
        moved.Transform.Translate = [x - bounds[0] * scale, y - bounds[2] * moved.Transform.Scale[1], 0]
        return moved

    def bar(self, table, title, rows):
        """Colour bar to the right of the rows first … last."""
        first, last = rows
        bar = GetScalarBar(table, self.view)
        bar.Title, bar.ComponentTitle = title, ""
        bar.Orientation = "Vertical"
        bar.HorizontalTitle = 1
        bar.WindowLocation = "Any Location"
        x = self.columns * self.step_x + 0.0 + self.left
        low = self.top - self.height + (self.corner(last, 0)[1] - (self.top - self.height))
        length = (last - first + 1) * self.step_y - ROW_GAP * self.aspect
        bar.Position = [x / self.width, (low - (self.top - self.height) + 0.06 * length) / self.height]
        bar.ScalarBarLength = 0.76 * length / self.height
        bar.ScalarBarThickness = 22
        bar.TitleFontSize, bar.LabelFontSize = 24, 21
        bar.TitleColor = bar.LabelColor = INK
        bar.AutomaticLabelFormat = 0
        bar.LabelFormat = bar.RangeLabelFormat = "%-#6.2g"
        bar.AddRangeLabels = 1
        bar.DrawTickMarks = 0
        bar.Visibility = 1


def main():
    options = arguments()
    path = os.path.abspath(options.rollout)
    facts = facts_of(path)
    reader = Xdmf3ReaderS(FileName=[path])
    reader.UpdatePipelineInformation()
    reader.UpdatePipeline(reader.TimestepValues[0])  # without a time the arrays stay unknown
    field, rows = choose_field(reader, options.field)
    times = choose_times(reader, options.steps)
    plane = middle_plane(reader)
    plane.UpdatePipeline(times[0][1])
    bounds = plane.GetDataInformation().GetBounds()
    if bounds[3] == bounds[2]:
        sys.exit("error: the data have one dimension; draw them with ParaView's Plot Over Line")
    aspect = min(max((bounds[3] - bounds[2]) / (bounds[1] - bounds[0]), 0.4), 2.5)
    sheet = Sheet(aspect, len(times), len(rows))

    unit = facts["units"].get(field, "")
    truth = rows[0][0]
    shared = range_over(plane, truth, times)
    tables, limits = {}, {}
    for name, label in rows:
        if label == "error":
            largest = max(abs(limit) for limit in range_over(plane, name, times))
            limits[name] = (-largest, largest)
            tables[name] = colours(name, limits[name], "Cool to Warm (Extended)")
        else:
            limits[name] = shared
            tables[name] = colours(name, shared, "Viridis (matplotlib)")
    for column, (number, time) in enumerate(times):
        frame = ForceTime(Input=plane)
        frame.ForcedTime = time
        for row, (name, label) in enumerate(rows):
            shown = Show(sheet.place(frame, bounds, row, column), sheet.view)
            shown.Representation = "Surface"
            ColorBy(shown, ("POINTS", name))
            shown.LookupTable = tables[name]
            shown.SetScalarBarVisibility(sheet.view, False)
            shown.Ambient, shown.Diffuse = 1.0, 0.0
        moment = f"t = {time:.4g}" + (f" {facts['time unit']}" if facts.get("time unit") and " " not in facts["time unit"] else "")
        write(sheet.view, f"step {number},  {moment}", (column * sheet.step_x, 0.05), 24)
    for row, (name, label) in enumerate(rows):
        _, y = sheet.corner(row, 0)
        write(sheet.view, label, (-sheet.left + 0.06, y + aspect / 2), 26, bold=1)
    heading = options.title or f"{facts['name']}: {field}, rolled out by {facts.get('made by', 'a model')}"
    write(sheet.view, heading, (-sheet.left + 0.06, 0.28), 32, bold=1)
    title = field + (f" [{unit}]" if unit else "")
    for name, label in rows:
        if label == "error":
            sheet.bar(tables[name], "error" + (f" [{unit}]" if unit else ""), (len(rows) - 1, len(rows) - 1))
    sheet.bar(tables[truth], title, (0, max(len(rows) - 2, 0)))
    for name in tables:
        # Every ColorBy above set the range of the frame it saw.
        tables[name].RescaleTransferFunction(*limits[name])

    os.makedirs(os.path.dirname(os.path.abspath(options.picture)), exist_ok=True)
    SaveScreenshot(options.picture, sheet.view, ImageResolution=sheet.pixels)
    if not os.path.exists(options.picture):
        sys.exit(f"error: '{options.picture}' was not written")
    print(f"wrote {options.picture}")


main()
