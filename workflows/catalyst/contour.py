# script-version: 2.0
"""A picture a frame of contour lines (two dimensions) or isosurfaces (three) of one field at fixed values.

catalyst.arguments: [--field, u, --range, '-1', '1', --contours, '9']
"""
import os
import sys

from paraview import catalyst
from paraview.simple import *

sys.path.insert(0, os.path.dirname(catalyst.get_script_filename()))
import _frames

parser = _frames.arguments(__doc__)
parser.add_argument('--contours', type=int, default=9, help='how many, evenly within the range')
asked = parser.parse_args(catalyst.get_args())

source = _frames.frame()
field = _frames.one_field(source, asked.field)
low, high = asked.range or _frames.value_range(source, field)
box = _frames.bounds(source)
# The light on surfaces at the edge of a block needs the neighbour's points.
points = _frames.with_ghosts(source, 1) if _frames.dimensions(box) == 3 else source
lines = Contour(Input=points, ContourBy=['POINTS', field])
lines.Isosurfaces = [low + (high - low) * (i + 1) / (asked.contours + 1) for i in range(asked.contours)]

view = CreateView('RenderView')
view.OrientationAxesVisibility = 0
outline = Show(Outline(Input=source), view)
display = Show(lines, view)
display.LineWidth = 2
_frames.colour(display, view, field, (low, high), ('%s %s' % (field, _frames.unit_of(source, field))).strip())
_frames.look_at(view, box, asked.size)
_frames.picture(view, asked.name or 'contour', asked.size)
options = _frames.options()
