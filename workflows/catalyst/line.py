# script-version: 2.0
"""A picture a frame of all fields, or one, along a line through the middle; of one dimension that is the frame itself.

catalyst.arguments: [--field, u, --along, x, --range, '-1', '1']
"""
import os
import sys

from paraview import catalyst
from paraview.simple import *

sys.path.insert(0, os.path.dirname(catalyst.get_script_filename()))
import _frames

parser = _frames.arguments(__doc__)
parser.add_argument('--along', choices='xyz', default='x')
asked = parser.parse_args(catalyst.get_args())

source = _frames.frame()
shown = [_frames.one_field(source, asked.field)] if asked.field else _frames.fields(source)
box = _frames.bounds(source)

def series(field):
    """The field, or its components along the frame's axes."""
    if _frames.local(source).GetPointData().GetArray(field).GetNumberOfComponents() == 1:
        return [field]
    return [field + '_' + 'XYZ'[a] for a in range(3) if box[2 * a] < box[2 * a + 1]]


line = PlotOverLine(Input=source, SamplingPattern='Sample Uniformly', Resolution=500)
line.Point1 = [box[2 * a] if 'xyz'[a] == asked.along else (box[2 * a] + box[2 * a + 1]) / 2 for a in range(3)]
line.Point2 = [box[2 * a + 1] if 'xyz'[a] == asked.along else (box[2 * a] + box[2 * a + 1]) / 2 for a in range(3)]

view = CreateView('XYChartView')
display = Show(line, view, 'XYChartRepresentation')
display.UseIndexForXAxis = 0
display.XArrayName = 'Points_' + asked.along.upper()
display.SeriesVisibility = [name for field in shown for name in series(field)]
view.BottomAxisTitle = asked.along
if asked.range:
    view.LeftAxisUseCustomRange = 1
    view.LeftAxisRangeMinimum, view.LeftAxisRangeMaximum = asked.range
_frames.picture(view, asked.name or 'line', asked.size)
options = _frames.options()
