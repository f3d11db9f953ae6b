# script-version: 2.0
"""Several of the ready scripts in one run, each with its own arguments. --name tells the files of equal ones apart.

catalyst.arguments: [slice, --field, u, and, slice, --field, v, --name, v, and, line]
"""
import os
import runpy
import sys

from paraview import catalyst

FOLDER = os.path.dirname(catalyst.get_script_filename())
sys.path.insert(0, FOLDER)
import _frames

parts = [[]]
for word in catalyst.get_args():
    if word == 'and':
        parts.append([])
    else:
        parts[-1].append(word)
for part in parts:
    script = os.path.join(FOLDER, (part or [''])[0] + '.py')
    if not os.path.exists(script):
        ready = sorted(name[:-3] for name in os.listdir(FOLDER) if name.endswith('.py') and not name.startswith('_'))
        raise ValueError("there is no ready script '%s'; these are: %s" % ((part or [''])[0], ', '.join(ready)))
    catalyst.get_args = lambda: part[1:]
    runpy.run_path(script)
options = _frames.options()
