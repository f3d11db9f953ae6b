# script-version: 2.0
"""A picture a frame of one field with a fixed range; of three dimensions a plane through the middle.

catalyst.arguments: [--field, u, --range, '-1', '1', --normal, z, --size, '800', '600']
"""
import os
import sys

from paraview import catalyst
from paraview.simple import *

sys.path.insert(0, os.path.dirname(catalyst.get_script_filename()))
import _frames

parser = _frames.arguments(__doc__)
parser.add_argument('--normal', choices='xyz', default='z', help='of the plane')
asked = parser.parse_args(catalyst.get_args())

source = _frames.frame()
field = _frames.one_field(source, asked.field)
span = asked.range or _frames.value_range(source, field)
box = _frames.bounds(source)
shown = source
if _frames.dimensions(box) == 3:
    shown = Slice(Input=source, SliceType='Plane')
    shown.SliceType.Origin = [(box[2 * a] + box[2 * a + 1]) / 2 for a in range(3)]
    shown.SliceType.Normal = [float(axis == asked.normal) for axis in 'xyz']

view = CreateView('RenderView')
view.OrientationAxesVisibility = 0
display = Show(shown, view)
display.SetRepresentationType('Surface')
_frames.colour(display, view, field, span, ('%s %s' % (field, _frames.unit_of(source, field))).strip())
_frames.look_at(view, box, asked.size, asked.normal if _frames.dimensions(box) == 3 else None)
_frames.picture(view, asked.name or 'slice', asked.size)
options = _frames.options()
