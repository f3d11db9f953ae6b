// The ready scripts of workflows/catalyst draw what they should, on any number of ranks.
#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "tests/apps/shown_run.hpp"
#include "tests/python.hpp"

namespace eddyline {
namespace {

using namespace testing_shown;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Says of every picture in a folder what is wrong with it: that it differs from that of another
/// folder in more than 0.1 % of its pixels by more than 8 of 255, or has not what its script draws.
constexpr char const* kLook = R"(import os, sys
import numpy
from matplotlib.image import imread

def pixels(folder, name):
    return (imread(os.path.join(folder, name))[:, :, :3] * 255).round().astype(int)

def colours(part):
    return len(numpy.unique(part.reshape(-1, 3) // 8, axis=0))

def near(picture, colour):
    return (abs(picture - colour).max(2) < 40).sum()

def wrong_panel(picture, drawn, step):
    columns = numpy.concatenate([[False], drawn[:len(drawn) // 3].any(0), [False]])
    edges = numpy.flatnonzero(columns[1:] != columns[:-1])
    parts = [colours(picture[:len(drawn) // 3, a + 2:b - 2]) for a, b in zip(edges[::2], edges[1::2])]
    if len(parts) != 3:
        return 'is not of three parts: %s' % parts
    truth, prediction, error = parts
    if truth < 12 or step == 0 and (abs(truth - prediction) > 4 or error > 10) or step > 0 and error < 12:
        return 'has parts of %s colours' % parts

def wrong(script, step, picture):
    height, width, _ = picture.shape
    drawn = abs(picture - picture[0, 0]).max(2) > 8
    middle = numpy.s_[height // 4:3 * height // 4, width // 6:width // 2]  # left of the colour bar
    if script in ('line', 'along'):  # ParaView's first colours on white: of u, its truth, its error
        found = [near(picture, colour) for colour in ([228, 26, 28], [77, 175, 74], [55, 126, 184])]
        least = min(found) if script == 'line' and step > 0 else max(found)
        return least < 60 and 'has lines of %s pixels' % found
    if script == 'panel':
        return wrong_panel(picture, drawn, step)
    share, vivid = drawn[middle].mean(), picture[middle].max(2) - picture[middle].min(2) > 50
    count = colours(picture[middle][vivid] if vivid.any() else picture[:1, :1])
    text = 'has %d colours, %.3f of its middle is drawn, %.3f vivid' % (count, share, vivid.mean())
    if script == 'slice':
        centre = drawn[height // 4:3 * height // 4, 9 * width // 20:11 * width // 20]
        return (centre.mean() < 0.95 or step == 0 and count < 12) and text
    return (share == 1 or vivid.mean() < 0.01 or count < 12) and text

folder, *others = sys.argv[1:]
names = sorted(name for name in os.listdir(folder) if name.endswith('.png'))
for name in names:
    script, step = name[:-4].rsplit('_', 1)
    picture = pixels(folder, name)
    problem = wrong(script, int(step), picture)
    if problem:
        print(name, problem)
    for other in others:
        differs = (abs(picture - pixels(other, name)).max(2) > 8).mean()
        if differs > 0.001:
            print('%s differs by %.2f %%' % (name, 100 * differs))
print(*sorted(set(name[:-11] for name in names)), len(names))
)";

std::string look_at(std::filesystem::path const& folder, std::vector<std::string> const& runs) {
  auto command = write_script(folder / "look.py", kLook);
  for (auto const& run : runs) {
    command += concat(" ", (folder / run / "catalyst").string());
  }
  return python(command);
}

/// What ParaView reads of extracts, for kExtracts.
constexpr char const* kRead = R"(
import sys
import numpy
from paraview.simple import OpenDataFile
from vtkmodules.util.numpy_support import vtk_to_numpy
for path in sys.argv[1:]:
    reader = OpenDataFile(path)
    reader.UpdatePipeline()
    data = reader.GetClientSideObject().GetOutputDataObject(0)
    points = numpy.array([data.GetPoint(i) for i in range(data.GetNumberOfPoints())])
    fields = {name: vtk_to_numpy(data.GetPointData().GetArray(name)) for name in ('u', 'u_truth', 'u_error')}
    numpy.savez(path + '.npz', points=points, **fields)
)";

/// How many points each extract has, and whether their values are those of the rollout's file,
/// linear between its points.
constexpr char const* kExtracts = R"(
import os, re, sys
import h5py, numpy
for path in sys.argv[1:]:
    file = h5py.File(os.path.join(os.path.dirname(path), '../rollout.h5'))
    data = numpy.load(path + '.npz')
    where = data['points'][:, ::-1].T
    places = []
    for name, x in zip('zyx', where):
        axis = file['grid'][name][:]
        low = numpy.clip(numpy.searchsorted(axis, x, 'right') - 1, 0, max(len(axis) - 2, 0))
        part = (x - axis[low]) / (axis[low + 1] - axis[low]) if len(axis) > 1 else 0 * x
        places.append([(low, 1 - part), (low + 1, part)] if len(axis) > 1 else [(low, 1 + part)])
    step = int(re.search('_([0-9]*)[.]', path).group(1))
    worst = 0
    for name in ('u', 'u_truth', 'u_error'):
        values = file['fields'][name][step].astype(float)
        expected = sum(values[z, y, x] * a * b * c for z, a in places[0] for y, b in places[1] for x, c in places[2])
        worst = max(worst, abs(data[name] - expected).max())
    print(len(numpy.unique(data['points'].round(6), axis=0)), bool(worst < 1e-5) or worst)  # of fields of about 1
)";

/// \param extracts  files in folders that look_at() has looked at
std::string values_of(std::filesystem::path const& folder,
                      std::vector<std::string> const& extracts) {
  std::string paths;
  for (auto const& extract : extracts) {
    paths += concat(" ", (folder / extract).string());
  }
  auto const read = outcome_of("pvpython " + write_script(folder / "read.py", kRead) + paths);
  return (read.code == 0 ? "" : read.text) +
         python(write_script(folder / "extracts.py", kExtracts) + paths);
}

/// More ranks than cores, each of which computes little.
std::string split_over(int ranks) {
  return mpirun(ranks) + "-x OMP_NUM_THREADS=1 ";
}

TEST(CatalystProgram, DrawsTheSamePicturesOnOneRankAndOnFour) {
  Grid const grid({shown_axis("x", evenly(8, 0.5)),
                   shown_axis("y", evenly(8, 0.5)),
                   shown_axis("z", evenly(12, 0.25))});
  auto const folder = prepare_shown("box", grid, "[4, 4, 4]");
  auto const scripts =
      "catalyst.script=several " +
      words_as("catalyst.arguments",
               "slice --field u --normal y --size 300 200 and contour --field u_truth --size 300 "
               "200 and panel --field u --size 450 150 and q_criterion --field v_truth --size 300 "
               "200 and line --field u --size 300 200 --name along and extract --normal y --name "
               "plane");
  auto const one = outcome_of(kDisplay + shown_rollout(folder, "one") + scripts);
  ASSERT_EQ(one.code, 0) << one.text;
  EXPECT_THAT(one.text,
              AllOf(HasSubstr("in situ "),
                    HasSubstr(" % of the run: 2 frames in "),
                    Not(HasSubstr("warning"))));
  auto const four = outcome_of(kDisplay + split_over(4) + shown_rollout(folder, "four") + scripts +
                               "'parallel.domain=[1, 2, 2]'");
  ASSERT_EQ(four.code, 0) << four.text;
  EXPECT_THAT(four.text, Not(HasSubstr("warning")));
  EXPECT_EQ(look_at(folder, {"one", "four"}), "along contour panel q_criterion slice 10\n");
  // 8 x 12 points in the middle between two layers
  EXPECT_EQ(values_of(folder,
                      {"one/catalyst/plane_000002.pvtp",
                       "four/catalyst/plane_000000.pvtp",
                       "four/catalyst/plane_000002.pvtp"}),
            "96 True\n96 True\n96 True\n");
}

TEST(CatalystProgram, DrawsTheSameLinesOfOneStretchedDimensionOnOneRankAndOnFour) {
  auto x = evenly(16, 1);
  x.back() = 20;
  auto const folder = prepare_shown("line", Grid({shown_axis("x", x)}), "[1, 1, 4]");
  auto const line =
      "catalyst.script=line " + words_as("catalyst.arguments", "--size 300 200 --range -2 2");
  auto const one = outcome_of(kDisplay + shown_rollout(folder, "one") + line);
  ASSERT_EQ(one.code, 0) << one.text;
  auto const four = outcome_of(kDisplay + split_over(4) + shown_rollout(folder, "four") + line +
                               "'parallel.domain=[1, 1, 4]'");
  ASSERT_EQ(four.code, 0) << four.text;
  EXPECT_EQ(look_at(folder, {"one", "four"}), "line 2\n");
}

/// A script of one's own: says what it gets, and has four of the ready ones show it; of slice also
/// the range of its colours before the first frame and after the last.
constexpr char const* kTeller = R"(# script-version: 2.0
import runpy
from paraview.simple import *
from paraview import catalyst
source = TrivialProducer(registrationName='input')
options = catalyst.Options()
options.ExtractsOutputDirectory = '.'
folder, *size = catalyst.get_args()
made = {}
for name in ('slice', 'contour', 'panel', 'extract'):
    catalyst.get_args = lambda: ['--field', 'u_truth' if name == 'contour' else 'u', '--size', *size]
    catalyst.get_script_filename = lambda: folder + '/' + name + '.py'
    made[name] = runpy.run_path(catalyst.get_script_filename())

def say_colours():
    points = GetColorTransferFunction('u', made['slice']['display'], separate=True).RGBPoints
    print('colours %.6f %.6f' % (points[0], points[-4]), flush=True)

catalyst_initialize = catalyst_finalize = say_colours

def catalyst_execute(info):
    source.UpdatePipeline()
    data = source.GetClientSideObject().GetOutputDataObject(0)
    print('step', info.timestep, 'time', '%.1f' % info.time, data.GetClassName(), data.GetDimensions(), flush=True)
    y = data.GetYCoordinates()
    print('latitudes', *(y.GetValue(i) for i in range(y.GetNumberOfTuples())), flush=True)
    arrays = data.GetPointData()
    for i in range(arrays.GetNumberOfArrays()):
        array = arrays.GetArray(i)
        print(array.GetName(), array.GetInformation().Get(array.UNITS_LABEL()), '%.6f' % array.GetValue(5), flush=True)
    print('time unit', data.GetFieldData().GetAbstractArray('time unit').GetValue(0), flush=True)
)";

/// Says what kTeller should of a globe, and of how many frames the colours would be others if each
/// had a range of its own.
constexpr char const* kExpected = R"(
import sys
import h5py
file = h5py.File(sys.argv[1])
print('step 2 time %.1f' % file['times'][2], 'vtkRectilinearGrid (12, 8, 1)')
print('latitudes -10.0 0.0 10.0 20.0 30.0 40.0 60.0 80.0')
for name in ('u', 'u_truth', 'u_error'):
    print(name, 'K', '%.6f' % file['fields'][name][2].ravel()[5])
print('time unit s')
ranges = ['colours %.6f %.6f' % (file['fields/u'][step].min(), file['fields/u'][step].max()) for step in (0, 2)]
print(ranges[0])
assert ranges[0] != ranges[1]
)";

TEST(CatalystProgram, ShowsTruthPredictionAndErrorOnAGlobeWithUnitsAndTimeOnOneRankAndOnFour) {
  Grid const globe({shown_axis("latitude", {80, 60, 40, 30, 20, 10, 0, -10}),
                    shown_axis("longitude", evenly(12, 10))},
                   Geometry::lat_lon);
  auto const folder = prepare_shown("globe", globe, "[1, 4, 4]");
  auto const teller =
      "catalyst.fields=[u] catalyst.script=" + write_script(folder / "teller.py", kTeller) + " " +
      words_as("catalyst.arguments", source_file("workflows/catalyst") + " 450 150");
  auto const one = outcome_of(kDisplay + shown_rollout(folder, "one") + teller);
  ASSERT_EQ(one.code, 0) << one.text;
  auto const expected = python(write_script(folder / "expected.py", kExpected) + " " +
                               (folder / "one/rollout.h5").string());
  auto const at_colours = expected.rfind("colours");
  EXPECT_THAT(one.text, HasSubstr(expected.substr(0, at_colours)));
  auto const colours = expected.substr(at_colours);
  EXPECT_NE(one.text.find(colours), one.text.rfind(colours)) << one.text;
  // Ghosts are of no use to these scripts, and of no harm.
  auto const four = outcome_of(kDisplay + split_over(4) + shown_rollout(folder, "four") + teller +
                               "'parallel.domain=[1, 2, 2]' catalyst.ghosts=1");
  ASSERT_EQ(four.code, 0) << four.text;
  EXPECT_EQ(look_at(folder, {"one", "four"}), "contour panel slice 6\n");
  EXPECT_EQ(values_of(folder,
                      {"one/catalyst/extract_000002.pvtr",
                       "four/catalyst/extract_000000.pvtr",
                       "four/catalyst/extract_000002.pvtr"}),
            "96 True\n96 True\n96 True\n");
}

}  // namespace
}  // namespace eddyline
