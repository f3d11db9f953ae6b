"""What the scripts of this folder share: the frame, its range and extent over all ranks, colours, a picture."""
import argparse

from paraview import catalyst
from paraview.simple import *  # noqa: F403, as exported scripts do
from vtkmodules.vtkCommonCore import vtkDoubleArray
from vtkmodules.vtkParallelCore import vtkCommunicator, vtkMultiProcessController

CHANNEL = 'input'  # the name under which a run hands its frames over


def arguments(text, **more):
    """The parser of catalyst.arguments with what pictures have in common."""
    parser = argparse.ArgumentParser(description=text)
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
    """Over all ranks; of the length of vectors, or of one component."""
    low, high = local(source).GetPointData().GetArray(field).GetRange(component)
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


def colour(display, view, field, span, title):
    """Colours by a field with a fixed range: without one every rank would take its own."""
    ColorBy(display, ('POINTS', field))
    table = GetColorTransferFunction(field)
    table.AutomaticRescaleRangeMode = 'Never'
    table.RescaleTransferFunction(*(span if span[0] < span[1] else (span[0], span[0] + 1)))
    display.SetScalarBarVisibility(view, True)
    bar = GetScalarBar(table, view)
    bar.Title, bar.ComponentTitle = title, ''


def look_at(view, box, size, away=None):
    """From above at two dimensions, from a corner at three; `away` is another direction to look from."""
    middle = [(box[2 * a] + box[2 * a + 1]) / 2 for a in range(3)]
    length = max(box[2 * a + 1] - box[2 * a] for a in range(3)) or 1.0
    away = away or ([1.0, -1.6, 1.0] if dimensions(box) == 3 else [0.0, 0.0, 1.0])
    view.CameraFocalPoint = middle
    view.CameraPosition = [m + length * d for m, d in zip(middle, away)]
    view.CameraViewUp = [0.0, 1.0, 0.0] if away[:2] == [0.0, 0.0] else [0.0, 0.0, 1.0]
    view.ResetCamera(*box)
    if away[:2] == [0.0, 0.0]:  # fills the picture, but for the colour bar at its side
        view.CameraParallelProjection = 1
        wide, high = 1.3 * (box[1] - box[0]), 1.1 * (box[3] - box[2])
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
