// What becomes of a run that ParaView shows when a rank, the disk or the display fails.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/apps/process.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string const kDisplay = "xvfb-run -a -s '-screen 0 1280x1024x24 -noreset' ";
std::string const kNoDisplay = "env -u DISPLAY ";
/// Longer than any of these tests: a rank that waits as long as it may would be ended by it.
std::string const kLimit = "timeout 120 ";

constexpr char const* kWarning = "warning: ParaView";

/// Three frames on two ranks, each with half of a trajectory.
std::string waves(std::string const& out, std::string const& more) {
  return kProgram + " simulate out=" + out +
         " 'settings={cells: [24, 32], frames: 101, final_time: 5}' train.trajectories=1 "
         "valid.trajectories=0 test.trajectories=0 save.frames=3 " +
         more;
}
std::string const kHalves = " 'parallel.domain=[1, 1, 2]' ";

/// A script of which rank 1 fails alone.
class Script {
 public:
  Script(Scratch const& scratch, std::string const& when_read, std::string const& at_a_frame)
      : path_(scratch / "script.py") {
    std::ofstream(path_) << R"(# script-version: 2.0
from paraview.simple import *
from paraview import catalyst
from vtkmodules.vtkParallelCore import vtkMultiProcessController
ranks = vtkMultiProcessController.GetGlobalController()
rank = ranks.GetLocalProcessId()
source = TrivialProducer(registrationName='input')
options = catalyst.Options()
)" << when_read << R"(
def catalyst_execute(info):
    if info.timestep == 1 and rank == 1:
        raise ValueError('there is no vorticity')
)" << at_a_frame;
  }
  std::string option() const { return "catalyst.script=" + path_; }

 private:
  std::string path_;
};

TEST(CatalystProgramFailure, OfAScriptOnOneRankIsSaidAtOnceAndTheRunGoesOn) {
  Scratch const scratch;
  Script const script(scratch,
                      "writer = CreateExtractor('VTP', Contour(Input=source, ContourBy=['POINTS', "
                      "'activator'], Isosurfaces=[0.0]))\n",
                      "");
  auto const run =
      outcome_of(kLimit + kNoDisplay + mpirun(2) +
                 waves(scratch / "run", kHalves + script.option() + " catalyst.patience=600"));
  EXPECT_EQ(run.code, 0) << run.text;
  EXPECT_THAT(run.text,
              AllOf(HasSubstr("warning: ParaView could not show the run: ValueError: there is no "
                              "vorticity (line 13 of "),
                    HasSubstr("script.py), on rank 1; the run goes on and shows no more"),
                    HasSubstr(": 2 frames in ")));
  EXPECT_EQ(run.text.find(kWarning), run.text.rfind(kWarning));
}

TEST(CatalystProgramFailure, OfAPackageThatOneRankLacksReachesOthersBeforeTheyDraw) {
  Scratch const scratch;
  Script const script(scratch, "if rank == 1:\n    import vorticity_tools\nRender()\n", "");
  auto const run = outcome_of(
      kLimit + kNoDisplay + mpirun(2) +
      waves(scratch / "run",
            kHalves + script.option() + " catalyst.patience=600 catalyst.on_error=stop"));
  EXPECT_EQ(run.code, 1) << run.text;
  EXPECT_THAT(run.text,
              AllOf(HasSubstr("error: ParaView could not show the run: ModuleNotFoundError: No "
                              "module named 'vorticity_tools' (line 10 of "),
                    HasSubstr("script.py), on rank 1; catalyst.on_error is stop")));
}

TEST(CatalystProgramFailure, OfARankForWhichOthersWaitInsideParaViewEndsTheRunNamingIt) {
  Scratch const scratch;
  Script const script(scratch, "", "    ranks.Barrier()\n");
  auto const run =
      outcome_of(kLimit + kNoDisplay + mpirun(2) +
                 waves(scratch / "run", kHalves + script.option() + " catalyst.patience=0.5"));
  EXPECT_EQ(run.code, 1) << run.text;
  EXPECT_THAT(
      run.text,
      AllOf(HasSubstr("error: ParaView could not show the run: ValueError: there is no vorticity"),
            HasSubstr("other ranks wait for this one inside ParaView and did not come out of it "
                      "within 0.5 s (catalyst.patience), so the run cannot go on"),
            HasSubstr("on rank 1 of 2; the other ranks are ended")));
}

TEST(CatalystProgramFailure, OfTheDisplayOfOneRankIsSaidByAll) {
  Scratch const scratch;
  auto const first = waves(scratch / "run", kHalves + "catalyst.script=slice");
  auto const run =
      outcome_of(kLimit + kDisplay + mpirun(1) + first + " : -np 1 " + kNoDisplay + first);
  EXPECT_EQ(run.code, 0) << run.text;
  EXPECT_THAT(run.text,
              AllOf(HasSubstr("the script draws, which needs a display, and there is none"),
                    HasSubstr("; the run goes on and shows no more"),
                    HasSubstr("wrote ")));
  EXPECT_EQ(run.text.find(kWarning), run.text.rfind(kWarning));
}

/// A file that no byte fits into in the place of one that a script will write.
void fill_disk_at(std::filesystem::path const& file) {
  std::filesystem::create_directories(file.parent_path());
  std::filesystem::create_symlink("/dev/full", file);
}

/// Also with an address where no ParaView listens, which is none.
TEST(CatalystProgramFailure, OfADiskThatIsFullForAPictureIsSaidOnceAndTheRunGoesOn) {
  Scratch const scratch;
  fill_disk_at(scratch / "run/catalyst/slice_000001.png");
  auto const run =
      outcome_of(kLimit + kDisplay +
                 waves(scratch / "run", "catalyst.script=slice catalyst.live=localhost:1"));
  EXPECT_EQ(run.code, 0) << run.text;
  EXPECT_THAT(run.text,
              AllOf(HasSubstr("warning: ParaView could not show the run: "),
                    HasSubstr("(files go to '" + (scratch / "run/catalyst") + "'")));
  EXPECT_EQ(run.text.find(kWarning), run.text.rfind(kWarning));
  EXPECT_TRUE(std::filesystem::exists(scratch / "run/catalyst/slice_000002.png"));
}

TEST(CatalystProgramFailure, OfADiskThatIsFullForOneRankStopsAllIfAsked) {
  Scratch const scratch;
  fill_disk_at(scratch / "run/catalyst/extract_000001/extract_000001_1.vti");
  auto const run = outcome_of(
      kLimit + kNoDisplay + mpirun(2) + kProgram + " simulate out=" + (scratch / "run") + kHalves +
      "'settings={cells: [64, 96], frames: 101, final_time: 5}' train.trajectories=1 "
      "valid.trajectories=0 test.trajectories=0 save.frames=3 catalyst.script=extract "
      "catalyst.on_error=stop");
  EXPECT_EQ(run.code, 1) << run.text;
  EXPECT_THAT(run.text,
              AllOf(HasSubstr("error: ParaView could not show the run: "),
                    HasSubstr("is there room, may it be written?)"),
                    HasSubstr("; catalyst.on_error is stop")));
}

TEST(InSituProgram, SaysWhatToInstallBeforeATraining) {
  Scratch const scratch;
  // A program without the folders beside it, as in a build without ParaView.
  std::filesystem::create_directories(scratch / "bin");
  std::filesystem::copy_file(kProgram, scratch / "bin/eddyline");
  std::ofstream(scratch / "own.py") << "";
  std::ofstream(scratch / "train.yaml")
      << "data: {path: " << source_file("tests/fixtures/formats/well/active_matter_mini")
      << ", fields: [concentration], splits: {by: trajectories, fractions: [0.67, 0.33, 0.0]}}\n"
      << "model: {surrogate: morph, patch: [1, 8, 8]}\n"
      << "run: {name: run, folder: " << scratch / "runs"
      << "}\n";
  auto const run = outcome_of((scratch / "bin/eddyline") + " train " + (scratch / "train.yaml") +
                              " catalyst.script=" + (scratch / "own.py"));
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.text,
              AllOf(HasSubstr("error: this build of the program has no ParaView, which the section "
                              "catalyst needs: install ParaView 5.11 with its headers (Debian: "
                              "paraview-dev python3-paraview)"),
                    HasSubstr("while preparing the training")));
}

}  // namespace
}  // namespace eddyline
