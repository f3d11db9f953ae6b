# script-version: 2.0
"""A picture a frame of truth | prediction | error of one field side by side, of a rollout whose truth is known. Truth
and prediction share one range, the error has one around zero.

catalyst.arguments: [--field, u, --range, '-1', '1', --error-range, '0.1']
"""
import os
import sys

from paraview import catalyst
from paraview.simple import *

sys.path.insert(0, os.path.dirname(catalyst.get_script_filename()))
import _frames

parser = _frames.arguments(__doc__, size=[1200, 400])
parser.add_argument('--error-range', type=float, help='largest error shown; without it a tenth of the range')
asked = parser.parse_args(catalyst.get_args())

source = _frames.frame()
names = [name for name in _frames.fields(source) if name + '_truth' in _frames.fields(source)]
if not names:
    raise ValueError('the truth of this run is not known; show it with slice')
field = asked.field or names[0]
if field not in names:
    raise ValueError("'%s' has no truth in this run; these have: %s" % (field, ', '.join(names)))
span = asked.range or _frames.value_range(source, field + '_truth')
error = asked.error_range or (span[1] - span[0]) / 10 or 1.0

box = _frames.bounds(source)
width, height = box[1] - box[0], box[3] - box[2]
view = CreateView('RenderView')
view.OrientationAxesVisibility = 0
middle = source
if _frames.dimensions(box) == 3:
    middle = Slice(Input=source, SliceType='Plane')
    middle.SliceType.Origin = [(box[2 * a] + box[2 * a + 1]) / 2 for a in range(3)]
    middle.SliceType.Normal = [0.0, 0.0, 1.0]
parts = [(field + '_truth', span, 'truth'), (field, span, 'prediction'), (field + '_error', [-error, error], 'error')]
for place, (name, limits, title) in enumerate(parts):
    part = Show(Transform(Input=middle, Transform='Transform'), view)
    part.Position = [1.1 * width * place, 0.0, 0.0]
    text = ('%s %s %s' % (field, title, _frames.unit_of(source, field))).strip()
    bar = _frames.colour(part, view, name, limits, text)
    bar.Orientation, bar.WindowLocation = 'Horizontal', 'Any Location'
    bar.Position, bar.ScalarBarLength = [0.15 + 0.26 * place, 0.02], 0.18
across = [box[0], box[0] + 3.2 * width, box[2] - 0.3 * height, box[3], box[4], box[5]]
_frames.look_at(view, across, asked.size, 'z')
_frames.picture(view, asked.name or 'panel', asked.size)
options = _frames.options()
