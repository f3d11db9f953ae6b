// `catalyst:` as a user has it: ParaView shows a run of the built program.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/apps/process.hpp"
#include "tests/python.hpp"
#include "tests/workflows/rollout/small_model.hpp"

namespace eddyline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string const kDisplay = "xvfb-run -a -s '-screen 0 1280x1024x24 -noreset' ";
std::string const kNoDisplay = "env -u DISPLAY ";

/// A simulation of three frames; 2-D blocks on four ranks.
std::string waves(std::string const& out, std::string const& more) {
  return kProgram + " simulate out=" + out +
         " 'settings={cells: [24, 32], frames: 101, final_time: 5}' train.trajectories=1 "
         "valid.trajectories=0 test.trajectories=0 save.frames=3 " +
         more;
}

std::string write_script(std::string const& path, std::string const& text) {
  std::ofstream(path) << text;
  return path;
}

/// The line of `text` that begins with "seen".
std::string seen_in(std::string const& text) {
  auto const begin = text.find("seen ");
  return begin == text.npos ? "" : text.substr(begin, text.find('\n', begin) - begin);
}

/// A script of one's own: says what it gets, and writes nothing.
constexpr char const* kTeller = R"(# script-version: 2.0
from paraview.simple import *
from paraview import catalyst
source = TrivialProducer(registrationName='input')
options = catalyst.Options()

def catalyst_execute(info):
    source.UpdatePipeline()
    data = source.GetClientSideObject().GetOutputDataObject(0)
    print('step', info.timestep, 'time', info.time, data.GetClassName(), data.GetDimensions(), flush=True)
    arrays = data.GetPointData()
    for i in range(arrays.GetNumberOfArrays()):
        array = arrays.GetArray(i)
        print(array.GetName(), array.GetInformation().Get(array.UNITS_LABEL()), '%.6f' % array.GetValue(5), flush=True)
    print('time unit', data.GetFieldData().GetAbstractArray('time unit').GetValue(0), flush=True)
)";

TEST(CatalystProgram, DrawsTheSamePicturesOnOneRankAndOnFour) {
  Scratch const scratch;
  std::string const slice =
      "catalyst.script=slice 'catalyst.arguments=[--field, activator, --range, \"-1\", \"1\", "
      "--size, \"300\", \"200\"]' catalyst.every=2";
  auto const one = outcome_of(kDisplay + waves(scratch / "one", slice));
  ASSERT_EQ(one.code, 0) << one.text;
  EXPECT_THAT(one.text, AllOf(HasSubstr("in situ "), HasSubstr(" % of the run: 2 frames in ")));
  auto const four = outcome_of(kDisplay + mpirun(4) +
                               waves(scratch / "four", slice + " 'parallel.domain=[1, 1, 4]'"));
  ASSERT_EQ(four.code, 0) << four.text;
  auto const compare = write_script(scratch / "compare.py", R"(
import sys
import numpy
from matplotlib.image import imread
one, four = (imread(path)[:, :, :3] for path in sys.argv[1:])
print('differ' if (abs(one - four).max(2) > 8 / 255).mean() > 0.001 else 'agree',
      'blank' if one.std() < 0.05 else 'drawn', one.shape)
)");
  for (auto const* const name : {"/catalyst/slice_000000.png", "/catalyst/slice_000002.png"}) {
    EXPECT_EQ(python(compare + " " + (scratch / "one") + name + " " + (scratch / "four") + name),
              "agree drawn (200, 300, 3)\n");
  }
}

TEST(CatalystProgram, TakesAScriptAsParaViewExportsIt) {
  Scratch const scratch;
  auto const script = write_script(scratch / "exported.py", R"(# script-version: 2.0
# Catalyst state generated using paraview version 5.11.0
import paraview
paraview.compatibility.major = 5
paraview.compatibility.minor = 11

#### import the simple module from the paraview
from paraview.simple import *
#### disable automatic camera reset on 'Show'
paraview.simple._DisableFirstRenderCameraReset()

# create a new 'Xdmf3 Reader S'
trajectory00000xdmf = Xdmf3ReaderS(registrationName='trajectory-00000.xdmf', FileName=['trajectory-00000.xdmf'])
trajectory00000xdmf.PointArrays = ['activator']

# create a new 'Contour'
contour1 = Contour(registrationName='Contour1', Input=trajectory00000xdmf)
contour1.ContourBy = ['POINTS', 'activator']
contour1.Isosurfaces = [0.0]
contour1.PointMergeMethod = 'Uniform Binning'

# create extractor
vTP1 = CreateExtractor('VTP', contour1, registrationName='VTP1')
vTP1.Trigger = 'TimeStep'
vTP1.Writer.FileName = 'Contour1_{timestep:06d}.pvtp'

# restore active source
SetActiveSource(vTP1)

# Catalyst options
from paraview import catalyst
options = catalyst.Options()
options.ExtractsOutputDirectory = 'datasets'
options.GlobalTrigger = 'TimeStep'
options.CatalystLiveTrigger = 'TimeStep'

if __name__ == '__main__':
    from paraview.simple import SaveExtractsUsingCatalystOptions
    # Code for non in-situ environments; if executing in post-processing
    # i.e. non-Catalyst mode, let's generate extracts using Catalyst options
    SaveExtractsUsingCatalystOptions(options)
)");
  auto const run = outcome_of(
      kNoDisplay + kProgram +
      " rollout solver=diffusion_reaction 'equation={cells: [16, 16], frames: 101, final_time: 5}' "
      "steps=1 out=" +
      (scratch / "run") + " catalyst.script=" + script);
  ASSERT_EQ(run.code, 0) << run.text;
  EXPECT_THAT(run.text, Not(HasSubstr("warning")));
  for (auto const* const name : {"Contour1_000000.pvtp", "Contour1_000001.pvtp"}) {
    EXPECT_TRUE(
        std::filesystem::exists(scratch / "run/catalyst/datasets" + ("/" + std::string(name))));
  }
}

TEST(CatalystProgram, GetsTruthPredictionAndErrorWithUnitsAndTime) {
  auto const folder = testing_rollout::prepare("catalyst");
  auto const script = write_script(folder / "teller.py", kTeller);
  auto const run = outcome_of(
      kNoDisplay + kProgram + " rollout split=all device=cpu steps=2 model=" +
      (folder / "run/checkpoints/best.h5").string() + " out=" + (folder / "shown").string() +
      " catalyst.every=2 catalyst.fields=[u] catalyst.script=" + script);
  ASSERT_EQ(run.code, 0) << run.text;
  auto const expected = python(write_script(folder / "expected.py", R"(
import sys
import h5py
file = h5py.File(sys.argv[1])
print('step 2 time', file['times'][2], 'vtkImageData (8, 8, 1)')
for name in ('u', 'u_truth', 'u_error'):
    print(name, 'K', '%.6f' % file['fields'][name][0, 2].ravel()[5])
print('time unit s')
)") + " " + (folder / "shown/rollout.h5").string());
  EXPECT_THAT(run.text, HasSubstr(expected));
}

/// A ParaView that connects to a pvserver and to the run, and says the range of the first frame
/// that it sees.
constexpr char const* kClient = R"(
import sys, time
from paraview.simple import *
from paraview import live
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

TEST(CatalystProgram, IsSeenLiveByAParaViewThatMayGo) {
  Scratch const scratch;
  auto const client = write_script(scratch / "client.py", kClient);
  constexpr int kFirstPort = 20000, kPorts = 10000;
  auto const server_port = kFirstPort + getpid() % kPorts;
  auto const live_port = server_port + kPorts;
  auto const listening = scratch / "listening";
  auto const out = scratch / "run";
  auto const live = outcome_of(
      concat("pvserver --server-port=",
             server_port,
             " > ",
             scratch / "pvserver.txt",
             " & server=$!; "
             "for i in $(seq 100); do grep -qs 'Waiting for client' ",
             scratch / "pvserver.txt",
             " && break; sleep 0.1; done; "
             "timeout 90 pvpython ",
             client,
             " ",
             server_port,
             " ",
             live_port,
             " ",
             listening,
             " & client=$!; for i in $(seq 300); do test -e ",
             listening,
             " && break; sleep 0.1; done; ",
             kNoDisplay,
             kProgram,
             " simulate out=",
             out,
             " 'settings={cells: [24, 32], frames: 1001, final_time: 5}' train.trajectories=1 "
             "valid.trajectories=0 test.trajectories=0 save.frames=600 catalyst.live=localhost:",
             live_port,
             "; echo code $?; wait $client; kill $server 2> /dev/null; true"));
  EXPECT_THAT(live.text, HasSubstr("code 0")) << "the run goes on when its client has gone";
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

TEST(CatalystProgram, SaysOnceWhatAScriptDidWrongAndGoesOn) {
  Scratch const scratch;
  auto const script = write_script(scratch / "wrong.py", R"(# script-version: 2.0
from paraview.simple import *
from paraview import catalyst
source = TrivialProducer(registrationName='input')
options = catalyst.Options()

def catalyst_execute(info):
    if info.timestep > 0:
        raise ValueError('there is no vorticity')
)");
  auto const run = outcome_of(kNoDisplay + waves(scratch / "goes_on", "catalyst.script=" + script));
  EXPECT_EQ(run.code, 0) << run.text;
  EXPECT_THAT(run.text,
              HasSubstr("warning: ParaView could not show the run: ValueError: there is no "
                        "vorticity (line 9 of " +
                        script + "); the run goes on and shows no more"));
  EXPECT_EQ(run.text.find("warning"), run.text.rfind("warning"));
  EXPECT_THAT(run.text, HasSubstr("2 frames in "));
}

TEST(CatalystProgram, StaysWhenAScriptAsksPythonToExit) {
  Scratch const scratch;
  auto const run =
      outcome_of(kNoDisplay +
                 waves(scratch / "run", "catalyst.script=slice 'catalyst.arguments=[--fild, u]'"));
  EXPECT_EQ(run.code, 0) << run.text;
  EXPECT_THAT(run.text, HasSubstr("the script asks Python to exit with 2"));
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
