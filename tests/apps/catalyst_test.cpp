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

/// The line of `text` that begins with "seen".
std::string seen_in(std::string const& text) {
  auto const begin = text.find("seen ");
  return begin == text.npos ? "" : text.substr(begin, text.find('\n', begin) - begin);
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
contour = Contour(Input=reader, ContourBy=['POINTS', 'u'], Isosurfaces=[0.5])
ColorBy(Show(contour, view), ('POINTS', 'u'))
view.ResetCamera()
CreateExtractor('PNG', view).Writer.ImageResolution = [300, 200]
CreateExtractor('VTP', contour)
save_catalyst_state(sys.argv[2], catalyst.Options())
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
  auto const run =
      outcome_of(kDisplay + shown_rollout(folder, "shown") + "catalyst.script=" + script);
  ASSERT_EQ(run.code, 0) << run.text;
  EXPECT_THAT(run.text, Not(HasSubstr("warning")));
  for (auto const* const name : {"Contour1_000000.pvtp",
                                 "Contour1_000002.pvtp",
                                 "RenderView1_000000.png",
                                 "RenderView1_000002.png"}) {
    EXPECT_TRUE(std::filesystem::exists(folder / "shown/catalyst/datasets" / name)) << name;
  }
}

/// A ParaView that two runs connect to, one through a pvserver: holds both where they are, says the
/// range of the frame that it sees of that one, and goes.
constexpr char const* kClient = R"(
import sys, time
from paraview.simple import *
from paraview import live
server, ready, said, port, direct = sys.argv[1:]
links = [live.ConnectToCatalyst('localhost', int(direct))]
while 'Waiting for client' not in open(said).read():
    time.sleep(0.05)
Connect('localhost', int(server))
links.append(live.ConnectToCatalyst('localhost', int(port)))
for link in links:
    live.PauseCatalyst(link)
open(ready, 'w').close()
data, end = None, time.time() + 60
while time.time() < end:
    live.ProcessServerNotifications()
    if data is None:
        there = [link.GetInsituProxyManager() for link in links]
        if all(one and one.GetProxy('sources', 'input') for one in there):
            time.sleep(1)  # a run that is not held yet takes an extract's message for an answer, and lets go
            data = live.ExtractCatalystData(links[1], 'input')
    else:
        data.UpdatePipeline()
        of_points = data.GetDataInformation().DataInformation.GetPointDataInformation()
        array = of_points.GetArrayInformation('u')
        if array:
            print('seen', *array.GetComponentRange(0), flush=True)
            break
    time.sleep(0.05)
)";

std::string client_has_gone(int port) {
  return concat("(the client at localhost:",
                port,
                " has gone); the run goes on, and this is said once (catalyst.on_error=stop would "
                "end it)");
}

TEST(CatalystProgram, SaysOnceThatAClientHasGoneWhereASocketFails) {
  Scratch const scratch;
  auto const script = write_script(scratch / "socket.py", R"(# script-version: 2.0
from paraview.simple import *
from vtkmodules.vtkCommonSystem import vtkClientSocket
source = TrivialProducer(registrationName='input')

def catalyst_execute(info):
    source.UpdatePipeline()
    vtkClientSocket().ConnectToServer('localhost', 1)
)");
  auto const run = outcome_of(
      kNoDisplay + waves(scratch / "run", "catalyst.live=localhost:2 catalyst.script=" + script));
  EXPECT_EQ(run.code, 0) << run.text;
  EXPECT_THAT(run.text, HasSubstr("warning: ParaView could not show the run: vtkClientSocket"));
  EXPECT_THAT(run.text, HasSubstr(client_has_gone(2)));
  EXPECT_EQ(run.text.find("warning"), run.text.rfind("warning"));
  EXPECT_THAT(run.text, HasSubstr("3 frames in "));
}

/// A shell line that starts a pvserver and kClient, and waits until that listens at both ports.
std::string watch_two_runs(Scratch const& scratch, int server_port, std::string const& ports) {
  auto const server = scratch / "pvserver.txt", ready = scratch / "ready";
  return concat("pvserver --server-port=",
                server_port,
                " > ",
                server,
                " & server=$!; timeout 90 pvpython ",
                write_script(scratch / "client.py", kClient),
                " ",
                server_port,
                " ",
                ready,
                " ",
                server,
                " ",
                ports,
                " & client=$!; for i in $(seq 600); do test -e ",
                ready,
                " && break; sleep 0.05; done; ");
}

/// Asks for a ParaView by itself, as ParaView exports that.
constexpr char const* kLive = R"(# script-version: 2.0
from paraview.simple import *
from paraview import catalyst
source = TrivialProducer(registrationName='input')
options = catalyst.Options()
options.EnableCatalystLive = 1
options.CatalystLiveURL = 'localhost:)";

TEST(CatalystProgram, IsSeenLiveByAParaViewAndSaysOnceThatItHasGone) {
  Scratch const scratch;
  auto const folder = prepare_shown(
      "live", Grid({shown_axis("y", evenly(8, 1)), shown_axis("x", evenly(12, 1))}), "[1, 4, 4]");
  constexpr int kFirstPort = 20000, kPorts = 10000;
  auto const port = kFirstPort + getpid() % kPorts;
  auto const gone = port + kPorts, stopped = port + 2 * kPorts;
  auto const live =
      outcome_of(concat(watch_two_runs(scratch, port, concat(gone, " ", stopped)),
                        kNoDisplay + shown_rollout(folder, "stopped"),
                        "catalyst.on_error=stop catalyst.script=",
                        write_script(scratch / "live.py", concat(kLive, stopped, "'\n")),
                        " > ",
                        scratch / "stopped.txt",
                        " 2>&1 & stopped=$!; ",
                        kNoDisplay + mpirun(2) + shown_rollout(folder, "gone"),
                        "'parallel.domain=[1, 1, 2]' catalyst.live=localhost:",
                        gone,
                        "; echo code $?; wait $stopped; echo stopped by $?; cat ",
                        scratch / "stopped.txt",
                        "; wait $client; kill $server 2> /dev/null; true"));
  auto const words = [](int at) {
    return concat(
        "ParaView could not show the run: the live connection to the ParaView at localhost:",
        at,
        " has ended (it was closed or lost)");
  };
  EXPECT_THAT(
      live.text,
      AllOf(HasSubstr("warning: " + words(gone) + "; the run goes on, and this is said once"),
            HasSubstr("code 0\n")));
  EXPECT_EQ(live.text.find("warning"), live.text.rfind("warning")) << live.text;
  EXPECT_THAT(live.text,
              AllOf(HasSubstr("stopped by 1\n"),
                    HasSubstr("error: " + words(stopped) + "; catalyst.on_error is stop")));
  EXPECT_EQ(python(write_script(scratch / "compare.py", R"(
import sys
import h5py
text = sys.argv[2].split()
assert 'seen' in text, 'the client saw nothing'
seen = [float(word) for word in text[text.index('seen') + 1:][:2]]
frames = h5py.File(sys.argv[1])['fields/u'][:]
print(len(frames), 'frames, the first seen', seen == [frames[0].min(), frames[0].max()] or seen)
)") + " " + (folder / "gone/rollout.h5").string() +
                   " '" + seen_in(live.text) + "'"),
            "3 frames, the first seen True\n")
      << live.text;
}

/// Keeps the blocks that each rank gets of the first frames, and then does everything wrong.
constexpr char const* kWrong = R"(# script-version: 2.0
import runpy
import numpy
from paraview.simple import *
from paraview import catalyst
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkParallelCore import vtkMultiProcessController
source = TrivialProducer(registrationName='input')
options = catalyst.Options()
scripts, blocks = catalyst.get_args()
rank = vtkMultiProcessController.GetGlobalController().GetLocalProcessId()
catalyst.get_script_filename = lambda: scripts + '/several.py'

def catalyst_execute(info):
    source.UpdatePipeline()
    data = source.GetClientSideObject().GetOutputDataObject(0)
    values = {name: vtk_to_numpy(data.GetPointData().GetArray(name)) for name in ('velocity', 'pressure')}
    numpy.savez('%s/%d_%d.npz' % (blocks, info.timestep, rank), extent=data.GetExtent(), **values)
    if info.timestep > 0:
        for words in (['slise'], ['extract', '--fild']):
            catalyst.get_args = lambda: words
            try:
                runpy.run_path(scripts + '/several.py')
            except Exception as error:
                print(error, flush=True)
        raise ValueError('there is no vorticity')
)";

/// Whether the blocks that ranks got cover every frame, and have the values of the file.
constexpr char const* kWhole = R"(
import glob, sys
import h5py, numpy
file = h5py.File(sys.argv[1] + '/run/data/train/navier_stokes_periodic.hdf5')
for step in range(2):
    whole = {name: file[group + name][0, step].astype(float) for group, name in (('t1_fields/', 'velocity'), ('t0_fields/', 'pressure'))}
    seen = numpy.zeros(whole['pressure'].shape, int)
    for path in glob.glob('%s/%d_*.npz' % (sys.argv[1], step)):
        block = numpy.load(path)
        x, y = slice(block['extent'][0], block['extent'][1] + 1), slice(block['extent'][2], block['extent'][3] + 1)
        seen[x, y] += 1
        for name, values in whole.items():
            mine = values[x, y].swapaxes(0, 1)
            given = block[name].reshape(mine.shape[:2] + (-1,))[..., :mine.shape[-1] if mine.ndim == 3 else 1]
            assert abs(given - mine.reshape(given.shape)).max() < 1e-6 * abs(values).max(), (path, name)
    print(step, (seen > 0).all(), (seen > 1).sum())
)";

TEST(CatalystProgram, GetsTheBlocksOfASplitSimulationAndSaysOnceWhatItsScriptDidWrong) {
  Scratch const scratch;
  auto const script = write_script(scratch / "wrong.py", kWrong);
  auto const run = outcome_of(
      kNoDisplay + mpirun(4) + kProgram + " simulate out=" + (scratch / "run") +
      " solver=navier_stokes_periodic 'settings={cells: [12, 16]}' train.trajectories=1 "
      "valid.trajectories=0 test.trajectories=0 save.frames=3 'parallel.domain=[1, 2, 2]' "
      "catalyst.script=" +
      script + " " +
      words_as("catalyst.arguments", source_file("workflows/catalyst") + " " + (scratch / "")));
  EXPECT_EQ(run.code, 0) << run.text;
  EXPECT_EQ(python(write_script(scratch / "whole.py", kWhole) + " " + (scratch / "")),
            "0 True 48\n1 True 48\n")
      << run.text;
  EXPECT_THAT(run.text,
              HasSubstr("there is no ready script 'slise'; these are: contour, extract, line, "
                        "live, panel, q_criterion, several, slice"));
  EXPECT_THAT(run.text, HasSubstr("the script asks Python to exit with 2"));
  EXPECT_THAT(run.text,
              HasSubstr("warning: ParaView could not show the run: ValueError: there is no "
                        "vorticity (line 26 of " +
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
