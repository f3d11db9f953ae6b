// `eddyline rollout` as a user runs it: killed and stopped in the middle, then resumed; and what
// ends it and `eddyline evaluate`.
#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "data/formats/rollout_reader.hpp"
#include "data/sinks/rollout_folder.hpp"
#include "tests/apps/process.hpp"
#include "tests/workflows/rollout/small_box.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

/// A command that runs in a process of its own, with its words in output.txt.
class Running {
 public:
  Running(std::string const& command, std::filesystem::path const& folder)
      : output_(folder / "output.txt") {
    auto const line =
        "exec env -i HOME=/tmp PATH=\"$PATH\" OMP_NUM_THREADS=1 "
        "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 " +
        command + " > " + output_.string() + " 2>&1";
    pid_ = fork();
    if (pid_ == 0) {
      execl("/bin/sh", "sh", "-c", line.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
  }
  void signal(int number) const { kill(pid_, number); }
  /// Its exit code, or 1000 and the signal that ended it.
  int wait() const {
    int status = 0;
    waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  std::string words() const {
    std::ifstream in(output_);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::filesystem::path output_;
  pid_t pid_ = -1;
};

/// Waits until a trajectory has closed some segments.
void wait_for_segments(RolloutFolder const& folder, int64_t trajectory, size_t count) {
  for (int i = 0; i < 3000 && folder.segments(trajectory).size() < count; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_GE(folder.segments(trajectory).size(), count) << "no segment within 30 s";
}

void expect_same_frames(std::filesystem::path const& one, std::filesystem::path const& other) {
  auto const a = open_rollout({.path = one});
  auto const b = open_rollout({.path = other});
  auto const shape = a->spec().grid.shape();
  ASSERT_EQ(a->spec().trajectories.size(), b->spec().trajectories.size());
  for (size_t i = 0; i < a->spec().trajectories.size(); ++i) {
    auto const frames = a->spec().trajectories[i].frames();
    ASSERT_EQ(b->spec().trajectories[i].frames(), frames);
    auto const of_a =
        at::empty({frames, a->spec().fields.channels(), shape[0], shape[1], shape[2]}, at::kDouble);
    auto const of_b = at::empty_like(of_a);
    a->read({static_cast<int64_t>(i), 0, frames, 1}, {{0, 0, 0}, shape}, of_a);
    b->read({static_cast<int64_t>(i), 0, frames, 1}, {{0, 0, 0}, shape}, of_b);
    EXPECT_TRUE(at::equal(of_a, of_b)) << "trajectory " << i;
  }
}

std::string rollout(std::string const& what, std::filesystem::path const& out) {
  return std::string(EDDYLINE_PROGRAM) + " rollout " + what + " out=" + out.string();
}

constexpr char const* kSolver =
    "solver=diffusion_reaction 'equation={cells: [16, 16], frames: 101, final_time: 5}' "
    "'seeds=[1, 2, 3, 4]' segment=4 steps=96 ";

void expect_killed_to_go_on(std::string const& what,
                            std::filesystem::path const& folder,
                            int64_t steps) {
  Running const whole(rollout(what, folder / "whole"), folder);
  ASSERT_EQ(whole.wait(), 0) << whole.words();
  RolloutFolder const killed(folder / "killed");
  Running const first(rollout(what, killed.path()), folder);
  wait_for_segments(killed, 1, 3);
  first.signal(SIGKILL);
  ASSERT_EQ(first.wait(), 1000 + SIGKILL);
  ASSERT_LT(killed.last_step(0), steps) << "it was over before it was killed";
  Running const second(rollout(what, killed.path()) + " --resume", folder);
  ASSERT_EQ(second.wait(), 0) << second.words();
  expect_same_frames(folder / "whole", killed.path());
}

TEST(RolloutProgram, KilledInASolversRunGoesOnBitForBit) {
  expect_killed_to_go_on(kSolver, testing_rollout::prepare("killed_solver"), 96);
}

TEST(RolloutProgram, KilledInAModelsRunGoesOnBitForBit) {
  auto const folder = testing_rollout::prepare("killed_model");
  expect_killed_to_go_on("model=" + (folder / "run/checkpoints/best.h5").string() +
                             " split=all device=cpu segment=4 steps=96",
                         folder,
                         96);
}

TEST(RolloutProgram, EndsWithOneWhereRanksThatWriteASegmentTogetherFillTheDisk) {
  auto const folder = testing_rollout::prepare_box(
      "full_disk",
      {"fno", "{modes: [2, 2, 2], width: 4, layers: 1, projection: 4, history: 2}"},
      {.cells = {32, 32, 32}, .trajectories = 1, .frames = 4});
  // A segment of 41 frames of half a MiB against 16 MiB; a limit for mpirun would strike its shared
  // memory.
  std::ofstream(folder / "rank.sh")
      << "ulimit -f 32768\nexec "
      << rollout("model=" + (folder / "run/checkpoints/best.h5").string() +
                     " split=all device=cpu truth=off steps=40 segment=40 parallel.domain=[1,1,2]",
                 folder / "full")
      << "\n";
  auto const outcome =
      outcome_of("timeout 60 " + mpirun(2) + "sh " + (folder / "rank.sh").string());
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("segment-00000000.h5.tmp"));
  EXPECT_THAT(outcome.text, HasSubstr("while writing steps 0 to 40 of the rollout in"));
  EXPECT_TRUE(std::filesystem::is_empty(RolloutFolder(folder / "full").trajectory(0)));
}

TEST(EvaluationProgram, EndsWithTwoWhereOneOfTheRanksThatShareASampleFindsAValueMissing) {
  auto const folder =
      testing_rollout::prepare_box("evaluation_gap", {"fno", testing_rollout::kFno});
  testing_rollout::write_box(folder / "gap", {.trajectories = 1, .frames = 8, .gap = 5});
  // The other rank waits in an exchange of the network meanwhile.
  auto const outcome = outcome_of(concat("timeout 60 ",
                                         mpirun(2),
                                         kProgram,
                                         " evaluate split=all device=cpu horizon=2 model=",
                                         (folder / "run/checkpoints/best.h5").string(),
                                         " data.path=",
                                         (folder / "gap").string(),
                                         " parallel.domain=[1,1,2]"));
  EXPECT_EQ(outcome.code, 2) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("1 missing values (NaN) of "));
}

TEST(RolloutProgram, KilledOnTwoRanksGoesOnWithOneAndLosesNoClosedSegment) {
  auto const folder = testing_rollout::prepare("killed_ranks");
  std::string const what = std::string(kSolver) + "batch=1";
  Running const whole(rollout(what, folder / "whole"), folder);
  ASSERT_EQ(whole.wait(), 0) << whole.words();
  RolloutFolder const killed(folder / "killed");
  // Each rank writes its process number and becomes the program.
  std::ofstream(folder / "rank.sh")
      << "echo $$ > " << (folder / "pid.").string() << "$OMPI_COMM_WORLD_RANK\nexec "
      << rollout(what, killed.path()) << "\n";
  Running const two(mpirun(2) + "sh " + (folder / "rank.sh").string(), folder);
  wait_for_segments(killed, 1, 2);  // in the second group: 0 and 2 are done
  pid_t rank = 0;
  std::ifstream(folder / "pid.1") >> rank;
  ASSERT_GT(rank, 0);
  kill(rank, SIGKILL);
  ASSERT_NE(two.wait(), 0);
  ASSERT_EQ(killed.last_step(0), 96);
  ASSERT_EQ(killed.last_step(2), 96);
  ASSERT_LT(killed.last_step(1), 96) << "it was over before it was killed";
  std::map<std::filesystem::path, std::filesystem::file_time_type> closed;
  for (int64_t b = 0; b < 4; ++b) {
    for (auto const step : killed.segments(b)) {
      closed[killed.segment(b, step)] = last_write_time(killed.segment(b, step));
    }
  }
  Running const one(rollout(kSolver, killed.path()) + " --resume", folder);
  ASSERT_EQ(one.wait(), 0) << one.words();
  expect_same_frames(folder / "whole", killed.path());
  for (auto const& [segment, time] : closed) {
    EXPECT_EQ(last_write_time(segment), time) << segment << " was written anew";
  }
}

/// Stops a rollout in its middle, by a signal or, if that is 0, by the file STOP.
void expect_stop(int signal, std::string const& cause, int ranks) {
  auto const folder = testing_rollout::prepare(concat("stopped_", signal, "_", ranks));
  RolloutFolder const stopped(folder / "stopped");
  auto const launch = ranks > 1 ? mpirun(ranks) : std::string();
  Running const running(launch + rollout(std::string(kSolver) + "steps=100000", stopped.path()),
                        folder);
  wait_for_segments(stopped, 3, 2);
  if (signal != 0) {
    running.signal(signal);
  } else {
    std::ofstream(stopped.path() / "STOP") << "";
  }
  ASSERT_EQ(running.wait(), 75) << running.words();
  EXPECT_THAT(running.words(), HasSubstr("stopped by " + cause + "; go on with --resume"));
  auto const last = stopped.last_step(0).value();
  EXPECT_EQ(open_rollout({.path = stopped.path()})->spec().trajectories[3].frames(), last + 1)
      << "rollout.h5 links all frames";
  Running const more(
      launch + rollout(concat(kSolver, "steps=", last + 6, " --resume"), stopped.path()), folder);
  ASSERT_EQ(more.wait(), 0) << more.words();
  EXPECT_EQ(stopped.last_step(3), last + 6);
}

TEST(RolloutProgram, SavesAndEndsWith75AtSigterm) {
  expect_stop(SIGTERM, "SIGTERM", 1);
}

TEST(RolloutProgram, SavesAndEndsWith75WhenMpirunGetsSigusr1) {
  expect_stop(SIGUSR1, "SIGUSR1", 2);
}

TEST(RolloutProgram, SavesAndEndsWith75AtTheFileStop) {
  expect_stop(0, "the file STOP", 2);
}

}  // namespace
}  // namespace eddyline
