# script-version: 2.0
"""A picture a frame of the vortices of a three-dimensional flow: isosurfaces of the Q criterion, coloured by speed.
Gradients and the light on surfaces at the edge of a block need the neighbour's points, which the ranks exchange here.

catalyst.arguments: [--field, velocity, --q, '0.5', --range, '0', '1']
"""
import os
import sys

from paraview import catalyst
from paraview.simple import *

sys.path.insert(0, os.path.dirname(catalyst.get_script_filename()))
import _frames

parser = _frames.arguments(__doc__)
parser.add_argument('--q', type=float, help='of the surfaces; without it a fifth of the largest of the first frame')
asked = parser.parse_args(catalyst.get_args())

source = _frames.frame()
vectors = [name for name in _frames.fields(source)
           if _frames.local(source).GetPointData().GetArray(name).GetNumberOfComponents() == 3]
if not vectors:
    raise ValueError('the Q criterion is of a flow: no field of this run is a vector')
field = asked.field or vectors[0]
if field not in vectors:
    raise ValueError("the Q criterion is of a vector; '%s' is none, these are: %s" % (field, ', '.join(vectors)))

gradient = Gradient(Input=_frames.with_ghosts(source, 2), ScalarArray=['POINTS', field])
gradient.ComputeGradient, gradient.ComputeQCriterion, gradient.QCriterionArrayName = 0, 1, 'Q'
gradient.UpdatePipeline()
vortices = Contour(Input=gradient, ContourBy=['POINTS', 'Q'])
vortices.Isosurfaces = [asked.q if asked.q is not None else _frames.value_range(gradient, 'Q', 0)[1] / 5]

view = CreateView('RenderView')
view.OrientationAxesVisibility = 0
Show(Outline(Input=source), view)
display = Show(vortices, view)
span = asked.range or _frames.value_range(source, field)
_frames.colour(display, view, field, span, ('%s %s' % (field, _frames.unit_of(source, field))).strip())
_frames.look_at(view, _frames.bounds(source), asked.size)
_frames.picture(view, asked.name or 'q_criterion', asked.size)
options = _frames.options()
