# script-version: 2.0
"""Writes nothing: gives the frames to a ParaView that is connected to the run (catalyst.live)."""
import os
import sys

from paraview import catalyst
from paraview.simple import *

sys.path.insert(0, os.path.dirname(catalyst.get_script_filename()))
import _frames

source = _frames.frame()
options = _frames.options()


def catalyst_execute(info):
    source.UpdatePipeline()
