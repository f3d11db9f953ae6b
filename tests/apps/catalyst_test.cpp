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
using testing::AnyOf;
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

/// A ParaView that connects to a pvserver, when that is ready, and to the run, and says the range
/// of the first frame that it sees.
constexpr char const* kClient = R"(
import sys, time
from paraview.simple import *
from paraview import live
while 'Waiting for client' not in open(sys.argv[4]).read():
    time.sleep(0.05)
Connect('localhost', int(sys.argv[1]))
link = live.ConnectToCatalyst('localhost', int(sys.argv[2]))
open(sys.argv[3], 'w').close()
data, end = None, time.time() + 60
while time.time() < end:
    live.ProcessServerNotifications()
    if data is None:
        there = link.GetInsituProxyManager()
        if there and there.GetProxy('sources', 'input'):
            data = live.ExtractCatalystData(link, 'input')
    else:
        data.UpdatePipeline()
        of_points = data.GetDataInformation().DataInformation.GetPointDataInformation()
        array = of_points.GetArrayInformation('activator')
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

TEST(CatalystProgram, IsSeenLiveByAParaViewThatMayGo) {
  Scratch const scratch;
  auto const client = write_script(scratch / "client.py", kClient);
  constexpr int kFirstPort = 20000, kPorts = 10000;
  auto const server_port = kFirstPort + getpid() % kPorts;
  auto const live_port = server_port + kPorts;
  auto const server = scratch / "pvserver.txt", listening = scratch / "listening";
  auto const out = scratch / "run";
  auto const start = concat(
      "pvserver --server-port=", server_port, " > ", server, " & server=$!; timeout 90 pvpython ");
  auto const wait = concat(
      "& client=$!; for i in $(seq 600); do test -e ", listening, " && break; sleep 0.05; done; ");
  auto const live = outcome_of(
      concat(start,
             client,
             " ",
             server_port,
             " ",
             live_port,
             " ",
             listening,
             " ",
             server,
             wait,
             kNoDisplay,
             kProgram,
             " simulate out=",
             out,
             " 'settings={cells: [24, 32], frames: 1001, final_time: 5}' train.trajectories=1 "
             "valid.trajectories=0 test.trajectories=0 save.frames=600 catalyst.live=localhost:",
             live_port,
             "; echo code $?; wait $client; kill $server 2> /dev/null; true"));
  EXPECT_THAT(live.text, HasSubstr("code 0")) << "the run goes on when its client has gone";
  EXPECT_THAT(live.text, HasSubstr("wrote " + out));
  // Whether ParaView complains depends on what was on its way when the client went.
  EXPECT_THAT(live.text, AnyOf(Not(HasSubstr("warning")), HasSubstr(client_has_gone(live_port))));
  EXPECT_EQ(live.text.find("warning"), live.text.rfind("warning"));
  EXPECT_EQ(python(write_script(scratch / "compare.py", R"(
import sys
import h5py
import numpy
text = sys.argv[2].split()
assert 'seen' in text, 'the client saw nothing'
seen = [float(word) for word in text[text.index('seen') + 1:][:2]]
frames = h5py.File(sys.argv[1])['t0_fields/activator'][0]
ranges = numpy.stack([frames.min((1, 2)), frames.max((1, 2))], 1)
# the file holds float32, the state was float64
print('of the state' if (abs(ranges - seen) < 1e-6 * abs(ranges).max()).all(1).any() else (seen, ranges[:3]))
)") + " " + out + "/data/train/diffusion_reaction.hdf5 '" +
                   seen_in(live.text) + "'"),
            "of the state\n")
      << live.text;
}

TEST(CatalystProgram, SaysOnceWhatAScriptDidWrongAndGoesOnAlsoWhereItAsksPythonToExit) {
  Scratch const scratch;
  std::string text = R"(# script-version: 2.0
import runpy
from paraview.simple import *
from paraview import catalyst
source = TrivialProducer(registrationName='input')
options = catalyst.Options()
FOLDER = '@'
catalyst.get_script_filename = lambda: FOLDER + '/several.py'

def catalyst_execute(info):
    source.UpdatePipeline()
    print('shown', source.GetClientSideObject().GetOutputDataObject(0).GetClassName(), flush=True)
    if info.timestep > 0:
        for words in (['slise'], ['extract', '--fild']):
            catalyst.get_args = lambda: words
            try:
                runpy.run_path(FOLDER + '/several.py')
            except Exception as error:
                print(error, flush=True)
        raise ValueError('there is no vorticity')
)";
  text.replace(text.find('@'), 1, source_file("workflows/catalyst"));
  auto const script = write_script(scratch / "wrong.py", text);
  auto const run = outcome_of(kNoDisplay + waves(scratch / "goes_on", "catalyst.script=" + script));
  EXPECT_EQ(run.code, 0) << run.text;
  EXPECT_THAT(run.text, HasSubstr("shown vtkImageData"));
  EXPECT_THAT(run.text,
              HasSubstr("there is no ready script 'slise'; these are: contour, extract, line, "
                        "live, panel, q_criterion, several, slice"));
  EXPECT_THAT(run.text, HasSubstr("the script asks Python to exit with 2"));
  EXPECT_THAT(run.text,
              HasSubstr("warning: ParaView could not show the run: ValueError: there is no "
                        "vorticity (line 20 of " +
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
