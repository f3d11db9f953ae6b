// `catalyst:` as a user has it: ParaView shows a run of the built program.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/apps/shown_run.hpp"
#include "tests/python.hpp"

namespace eddyline {
namespace {

using namespace testing_shown;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// A simulation of three frames.
std::string waves(std::string const& out, std::string const& more) {
  return kProgram + " simulate out=" + out +
         " 'settings={cells: [24, 32], frames: 101, final_time: 5}' train.trajectories=1 "
         "valid.trajectories=0 test.trajectories=0 save.frames=3 " +
         more;
}

/// What a user does in ParaView: open a run's file, set up filters and a view, add extractors, File
/// > Save Catalyst State, which runs this same code of ParaView's.
constexpr char const* kSaveState = R"(
import sys
from paraview.simple import *
from paraview import catalyst
from paraview.detail.catalyst_export import save_catalyst_state
reader = OpenDataFile(sys.argv[1])
RenameSource('trajectory-00000.xdmf', reader)  # as the program names what it opens
reader.UpdatePipeline()
view = CreateView('RenderView')
ColorBy(Show(reader, view, Representation='Surface'), ('POINTS', 'u'))
contour = Contour(Input=reader, ContourBy=['POINTS', 'u'], Isosurfaces=[0.5])
view.ResetCamera()
CreateExtractor('PNG', view).Writer.ImageResolution = [300, 200]
CreateExtractor('VTP', contour)
save_catalyst_state(sys.argv[2], catalyst.Options())
)";

/// Whether pictures show more than one thing.
constexpr char const* kColours = R"(
import sys
import numpy
from matplotlib.image import imread
for path in sys.argv[1:]:
    picture = (imread(path)[:, :, :3] * 255).astype(int)
    print(len(numpy.unique(picture.reshape(-1, 3) // 16, axis=0)) > 12)
)";

TEST(CatalystProgram, TakesAScriptAsParaViewExportsIt) {
  Grid const grid({shown_axis("y", evenly(8, 1)), shown_axis("x", evenly(12, 1))});
  auto const folder = prepare_shown("exported", grid, "[1, 4, 4]");
  auto const opened = folder / "data/trajectory-00000.xdmf";
  auto const script = (folder / "state.py").string();
  auto const saved =
      outcome_of(kDisplay + "pvpython " + write_script(folder / "save_state.py", kSaveState) + " " +
                 opened.string() + " " + script);
  ASSERT_TRUE(std::filesystem::exists(script)) << saved.text;
  std::filesystem::remove(opened);  // what is shown is the run's
  auto const run = outcome_of(kDisplay + mpirun(2) + shown_rollout(folder, "shown") +
                              "'parallel.domain=[1, 1, 2]' catalyst.script=" + script);
  ASSERT_EQ(run.code, 0) << run.text;
  EXPECT_THAT(run.text, Not(HasSubstr("warning")));
  auto const made = folder / "shown/catalyst/datasets";
  for (auto const* const name : {"Contour1_000000.pvtp", "Contour1_000002.pvtp"}) {
    EXPECT_TRUE(std::filesystem::exists(made / name)) << name;
  }
  EXPECT_EQ(python(write_script(folder / "colours.py", kColours) + " " +
                   (made / "RenderView1_000000.png").string() + " " +
                   (made / "RenderView1_000002.png").string()),
            "True\nTrue\n");
}

/// Keeps the blocks that each rank gets of the first frames, and then does everything wrong.
constexpr char const* kWrong = R"(# script-version: 2.0
import runpy
import sys
import numpy
from paraview.simple import *
from paraview import catalyst
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkParallelCore import vtkMultiProcessController
source = TrivialProducer(registrationName='input')
options = catalyst.Options()
scripts, blocks = catalyst.get_args()
sys.path.insert(0, scripts)
import _frames
rank = vtkMultiProcessController.GetGlobalController().GetLocalProcessId()
catalyst.get_script_filename = lambda: scripts + '/several.py'

def catalyst_execute(info):
    source.UpdatePipeline()
    data = source.GetClientSideObject().GetOutputDataObject(0)
    values = {name: vtk_to_numpy(data.GetPointData().GetArray(name)) for name in ('velocity', 'pressure')}
    ghosts = [vtk_to_numpy(of.GetArray('vtkGhostType')) for of in (data.GetPointData(), data.GetCellData())]
    ranges = [_frames.value_range(source, 'velocity', part) for part in (-1, 1)]
    numpy.savez('%s/%d_%d.npz' % (blocks, info.timestep, rank), extent=data.GetExtent(), points=ghosts[0],
                cells=ghosts[1], ranges=ranges, **values)
    if info.timestep > 0:
        for words in (['slise'], ['extract', '--fild']):
            catalyst.get_args = lambda: words
            try:
                runpy.run_path(scripts + '/several.py')
            except Exception as error:
                print(error, flush=True)
        raise ValueError('there is no vorticity')
)";

/// Whether the blocks that ranks got cover every frame, and have the values of the file: how many
/// points without ghosts are seen twice, whether each cell without ghosts is seen once, how many
/// points there are with ghosts, and whether ranges are those of the whole frame.
constexpr char const* kWhole = R"(
import glob, sys
import h5py, numpy
file = h5py.File(sys.argv[1] + '/run/data/train/navier_stokes_periodic.hdf5')
for step in range(2):
    whole = {name: file[group + name][0, step].astype(float) for group, name in (('t1_fields/', 'velocity'), ('t0_fields/', 'pressure'))}
    seen = numpy.zeros(whole['pressure'].shape, int)
    cells, held = numpy.zeros([n - 1 for n in seen.shape], int), 0
    speed = (whole['velocity'] ** 2).sum(-1) ** 0.5
    ranges = [[part.min(), part.max()] for part in (speed, whole['velocity'][..., 1])]
    for path in glob.glob('%s/%d_*.npz' % (sys.argv[1], step)):
        block = numpy.load(path)
        x, y = slice(block['extent'][0], block['extent'][1] + 1), slice(block['extent'][2], block['extent'][3] + 1)
        assert abs(block['ranges'] - ranges).max() < 1e-6 * speed.max(), (path, block['ranges'], ranges)
        for name, values in whole.items():
            mine = values[x, y].swapaxes(0, 1)
            given = block[name].reshape(mine.shape[:2] + (-1,))[..., :mine.shape[-1] if mine.ndim == 3 else 1]
            assert abs(given - mine.reshape(given.shape)).max() < 1e-6 * abs(values).max(), (path, name)
        shape = seen[x, y].shape
        seen[x, y] += (block['points'] == 0).reshape(shape[::-1]).T
        cells[x.start:x.stop - 1, y.start:y.stop - 1] += (block['cells'] == 0).reshape(shape[1] - 1, shape[0] - 1).T
        held += block['points'].size
    print(step, (seen > 0).all(), (seen > 1).sum(), (cells == 1).all(), held)
)";

TEST(CatalystProgram, GetsTheBlocksOfASplitSimulationAndSaysOnceWhatItsScriptDidWrong) {
  Scratch const scratch;
  auto const script = write_script(scratch / "wrong.py", kWrong);
  auto const run = outcome_of(
      kNoDisplay + mpirun(4) + kProgram + " simulate out=" + (scratch / "run") +
      " solver=navier_stokes_periodic 'settings={cells: [12, 16]}' train.trajectories=1 "
      "valid.trajectories=0 test.trajectories=0 save.frames=3 'parallel.domain=[1, 2, 2]' "
      "catalyst.ghosts=1 catalyst.script=" +
      script + " " +
      words_as("catalyst.arguments", source_file("workflows/catalyst") + " " + (scratch / "")));
  EXPECT_EQ(run.code, 0) << run.text;
  EXPECT_EQ(python(write_script(scratch / "whole.py", kWhole) + " " + (scratch / "")),
            "0 True 48 True 336\n1 True 48 True 336\n")
      << run.text;
  EXPECT_THAT(run.text,
              HasSubstr("there is no ready script 'slise'; these are: contour, extract, line, "
                        "live, panel, q_criterion, several, slice"));
  EXPECT_THAT(run.text, HasSubstr("the script asks Python to exit with 2"));
  EXPECT_THAT(run.text,
              HasSubstr("warning: ParaView could not show the run: ValueError: there is no "
                        "vorticity (line 32 of " +
                        script + "); the run goes on and shows no more"));
  EXPECT_EQ(run.text.find("warning"), run.text.rfind("warning"));
  EXPECT_THAT(run.text, HasSubstr("2 frames in "));
  EXPECT_THAT(run.text, HasSubstr("wrote "));
}

TEST(CatalystProgram, SaysThatAPictureNeedsADisplay) {
  Scratch const scratch;
  auto const run = outcome_of(
      kNoDisplay + waves(scratch / "run", "catalyst.script=slice catalyst.on_error=stop"));
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.text, HasSubstr("error: ParaView could not show the run: "));
  EXPECT_THAT(run.text,
              HasSubstr("the script draws, which needs a display, and there is none (DISPLAY is "
                        "not set, or no X server answers there); start the run under 'xvfb-run"));
}

TEST(CatalystProgram, SaysOnceThatADiskIsFullAndGoesOn) {
  Scratch const scratch;
  for (auto const* const step : {"extract_000001", "extract_000002"}) {
    auto const folder = std::filesystem::path(scratch / "run/catalyst") / step;
    std::filesystem::create_directories(folder);
    // More than a buffer of 8 KiB, which is written at once, goes to it.
    std::filesystem::create_symlink("/dev/full", folder / concat(step, "_0.vti"));
  }
  auto const run = outcome_of(kNoDisplay + kProgram + " simulate out=" + (scratch / "run") +
                              " 'settings={cells: [48, 64], frames: 101, final_time: 5}' "
                              "train.trajectories=1 valid.trajectories=0 test.trajectories=0 "
                              "save.frames=4 catalyst.script=extract");
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.text, HasSubstr("warning: ParaView could not show the run: "));
  EXPECT_THAT(run.text,
              HasSubstr("(files go to '" + (scratch / "run/catalyst") +
                        "'; is there room, may it be written?); the run goes on, and this is said "
                        "once (catalyst.on_error=stop would end it)"));
  EXPECT_EQ(run.text.find("warning"), run.text.rfind("warning"));
  EXPECT_TRUE(std::filesystem::exists(scratch / "run/catalyst/extract_000003.pvti"));
}

TEST(InSituProgram, SaysWhatToInstallWhereItsPartIsMissing) {
  Scratch const scratch;
  // A program without the folders beside it, as in a build without ParaView.
  std::filesystem::create_directories(scratch / "bin");
  std::filesystem::copy_file(kProgram, scratch / "bin/eddyline");
  std::ofstream(scratch / "own.py") << "";
  auto const run = outcome_of((scratch / "bin/eddyline") + " simulate out=" + (scratch / "run") +
                              " catalyst.script=" + (scratch / "own.py"));
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.text,
              HasSubstr("error: this build of the program has no ParaView, which the section "
                        "catalyst needs: install ParaView 5.11 with its headers (Debian: "
                        "paraview-dev python3-paraview) and configure with -DEDDYLINE_CATALYST=ON, "
                        "or leave catalyst.script and catalyst.live out"));
}

}  // namespace
}  // namespace eddyline
