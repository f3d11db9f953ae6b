# script-version: 2.0
"""Data instead of pictures, which needs no display: of three dimensions a plane through the middle (VTP), else the
frame itself (VTI or VTR), one file a frame that ParaView opens.

catalyst.arguments: [--normal, z]
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
box = _frames.bounds(source)
if _frames.dimensions(box) == 3:
    kind, what = 'VTP', Slice(Input=source, SliceType='Plane')
    what.SliceType.Origin = [(box[2 * a] + box[2 * a + 1]) / 2 for a in range(3)]
    what.SliceType.Normal = [float(axis == asked.normal) for axis in 'xyz']
else:
    kind, what = 'VTI' if _frames.local(source).IsA('vtkImageData') else 'VTR', source
name = asked.name or 'extract'
extractor = CreateExtractor(kind, what, registrationName=name)
extractor.Trigger = 'TimeStep'
extractor.Writer.FileName = name + '_{timestep:06d}.' + {'VTP': 'pvtp', 'VTI': 'pvti', 'VTR': 'pvtr'}[kind]
options = _frames.options()
