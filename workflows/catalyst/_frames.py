"""What the scripts of this folder share: the frame, its range and extent over all ranks, colours, a picture."""
import argparse

from paraview import catalyst
from paraview.simple import *  # noqa: F403, as exported scripts do
from vtkmodules.vtkCommonCore import vtkDoubleArray
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkParallelCore import vtkCommunicator, vtkMultiProcessController

CHANNEL = 'input'  # the name under which a run hands its frames over


def arguments(text, **more):
    """The parser of catalyst.arguments with what pictures have in common."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument('--name', help="of the files, instead of the script's")
    parser.add_argument('--field', help='to show; without it the first')
    parser.add_argument('--range', nargs=2, type=float, metavar=('LOW', 'HIGH'),
                        help='of the colours, the same in all frames; without it that of the first frame')
    parser.add_argument('--size', nargs=2, type=int, default=more.get('size', [800, 600]), metavar=('WIDTH', 'HEIGHT'))
    return parser


def over_ranks(values, operation):
    """Element by element over all ranks."""
    mine, result = vtkDoubleArray(), vtkDoubleArray()
    for value in values:
        mine.InsertNextValue(value)
        result.InsertNextValue(value)
    controller = vtkMultiProcessController.GetGlobalController()
    if controller and controller.GetNumberOfProcesses() > 1:
        controller.AllReduce(mine, result, operation)
    return [result.GetValue(i) for i in range(len(values))]


def local(source):
    """This rank's data of a source."""
    return source.GetClientSideObject().GetOutputDataObject(0)


def frame():
    """The source that has the run's frames."""
    source = TrivialProducer(registrationName=CHANNEL)
    source.UpdatePipeline()
    return source


def fields(source):
    data = local(source).GetPointData()
    return [data.GetArrayName(i) for i in range(data.GetNumberOfArrays()) if data.GetArrayName(i) != 'vtkGhostType']


def one_field(source, asked):
    """The field asked for, or the first."""
    known = fields(source)
    if asked and asked not in known:
        raise ValueError("there is no field '%s'; this run has %s" % (asked, ', '.join(known)))
    return asked or known[0]


def value_range(source, field, component=-1):
    """Over all ranks, without ghost points; of the length of vectors, or of one component."""
    data = local(source).GetPointData()
    low, high = data.GetArray(field).GetRange(component)
    if data.GetArray('vtkGhostType'):
        values = vtk_to_numpy(data.GetArray(field))[vtk_to_numpy(data.GetArray('vtkGhostType')) == 0]
        if values.ndim == 2:
            values = (values ** 2).sum(1) ** 0.5 if component == -1 else values[:, component]
        values = values[values == values]  # where there are some: a block may be all land
        low, high = float(values.min(initial=float('inf'))), float(values.max(initial=float('-inf')))
    return [over_ranks([low], vtkCommunicator.MIN_OP)[0], over_ranks([high], vtkCommunicator.MAX_OP)[0]]


def bounds(source):
    """[x low, x high, y low, …] over all ranks."""
    box = local(source).GetBounds()
    low, high = over_ranks(box[0::2], vtkCommunicator.MIN_OP), over_ranks(box[1::2], vtkCommunicator.MAX_OP)
    return [value for pair in zip(low, high) for value in pair]


def dimensions(box):
    return sum(box[2 * a] < box[2 * a + 1] for a in range(3))


def unit_of(source, field):
    """As '[m/s]', or nothing."""
    text = local(source).GetFieldData().GetAbstractArray('units').GetValue(0)
    known = dict(part.split(': ', 1) for part in text.split(', ') if ': ' in part)
    return '[%s]' % known[field] if field in known else ''


def with_ghosts(source, layers):
    """The source with layers of the neighbours' points, also where the run hands over none."""
    if vtkMultiProcessController.GetGlobalController().GetNumberOfProcesses() == 1:
        return source
    return GhostCellsGenerator(Input=source, BuildIfRequired=0, MinimumNumberOfGhosts=layers)


def colour(display, view, field, span, title):
    """Colours by a field with a fixed range, this display's alone: without one every rank would take its own. Returns
    the colour bar."""
    ColorBy(display, ('POINTS', field), separate=True)
    table = GetColorTransferFunction(field, display, separate=True)
    table.AutomaticRescaleRangeMode = 'Never'
    table.RescaleTransferFunction(*(span if span[0] < span[1] else (span[0], span[0] + 1)))
    display.SetScalarBarVisibility(view, True)
    bar = GetScalarBar(table, view)
    bar.Title, bar.ComponentTitle = title, ''
    return bar


def look_at(view, box, size, normal=None):
    """From above at two dimensions, from a corner at three, unless along a `normal`."""
    normal = normal or ('z' if dimensions(box) < 3 else None)
    middle = [(box[2 * a] + box[2 * a + 1]) / 2 for a in range(3)]
    lengths = [box[2 * a + 1] - box[2 * a] for a in range(3)]
    away = {'x': [1.0, 0.0, 0.0], 'y': [0.0, -1.0, 0.0], 'z': [0.0, 0.0, 1.0], None: [1.0, -1.6, 1.0]}[normal]
    view.CameraFocalPoint = middle
    view.CameraPosition = [m + (max(lengths) or 1.0) * d for m, d in zip(middle, away)]
    view.CameraViewUp = [0.0, 1.0, 0.0] if normal == 'z' else [0.0, 0.0, 1.0]
    view.ResetCamera(*box)
    if normal:  # fills the picture, but for the colour bar at its side
        across, up = {'x': (1, 2), 'y': (0, 2), 'z': (0, 1)}[normal]
        wide, high = 1.3 * lengths[across], 1.1 * lengths[up]
        view.CameraParallelProjection = 1
        view.CameraParallelScale = max(high, wide * size[1] / size[0]) / 2 or 1.0


def picture(view, name, size):
    """One PNG a frame."""
    view.ViewSize = size
    extractor = CreateExtractor('PNG', view, registrationName=name)
    extractor.Trigger = 'TimeStep'
    extractor.Writer.FileName = name + '_{timestep:06d}.png'
    extractor.Writer.ImageResolution = size
    return extractor


def options():
    """Frames come when they are due: the run counts catalyst.every itself."""
    chosen = catalyst.Options()
    chosen.ExtractsOutputDirectory = '.'
    return chosen
