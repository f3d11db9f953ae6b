// The job scripts of workflows/slurm under a Slurm of this test's own, and what they do without
// one.
#include <gmock/gmock.h>

#include <optional>

#include <ATen/ATen.h>

#include "tests/apps/process.hpp"
#include "tests/apps/train_program.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr int64_t kSteps = 600;  // some seconds, so that a signal meets a run and not its end
std::string const kShort = concat(
    " train.steps=", kSteps, " train.checkpoint.every_epochs=0 train.validate.every_epochs=0");

class JobScripts : public TrainProgram {
 protected:
  /// Slurm's key keeper is another user and wants a socket that everybody can reach.
  JobScripts() {
    using enum std::filesystem::perms;
    std::filesystem::permissions(folder_.path(),
                                 owner_all | group_read | group_exec | others_read | others_exec);
  }
  /// A command in this test's folder, as in a user's shell: none of this test's own MPI.
  Outcome in_shell(std::string const& command) const {
    return outcome_of(concat("cd ",
                             folder_.path().string(),
                             " && env -i HOME=/tmp PATH=\"$PATH\" OMP_NUM_THREADS=1 "
                             "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "
                             "OMPI_MCA_mpi_yield_when_idle=1 EDDYLINE_SAVE_SECONDS=1 EDDYLINE=",
                             EDDYLINE_PROGRAM,
                             " timeout 180 ",
                             command));
  }
  /// Compares the run `parts` with one on two ranks that nobody stopped, made for the first test.
  void expect_weights_of_a_whole_run() {
    if (!whole_) {
      ASSERT_EQ(run("run.name=whole" + kShort, 2), 0) << read(output());
      whole_ = last("whole");
    }
    auto const parts = last("parts");
    ASSERT_EQ(whole_->facts["training"]["state"]["step"], kSteps);
    ASSERT_EQ(parts.facts["training"]["state"]["step"], kSteps);
    ASSERT_EQ(whole_->tensors.size(), parts.tensors.size());
    for (auto const& [name, tensor] : whole_->tensors) {
      EXPECT_TRUE(at::equal(tensor, parts.tensors.at(name))) << name;
    }
  }

 private:
  static inline std::optional<NativeCheckpoint> whole_;
};

TEST_F(JobScripts, ASignalledJobOnTwoNodesIsQueuedAgainAndItsChainFinishesBitForBitUnderSlurm) {
  std::ofstream(folder_ / "rollout.yaml") << "model: runs/parts/checkpoints/last.h5\n"
                                             "split: valid\nsteps: 3\n";
  std::ofstream(folder_ / "evaluate.yaml") << "model: runs/parts/checkpoints/last.h5\n"
                                              "split: valid\nhorizon: 1\n";
  auto timed = read(folder_ / "train.yaml") + "  name: timed\n";
  timed.replace(timed.find("steps: 120"), 10, "steps: 1000000");  // saves, slowly, at every step
  timed.replace(timed.find("every_epochs: 4"), 15, "every_steps: 1");
  std::ofstream(folder_ / "timed.yaml") << timed;
  auto const outcome =
      in_shell(concat("env 'TIMED_UNDER=env LD_PRELOAD=" EDDYLINE_SLOW_DISK "' ",
                      source_file("tests/system/local_slurm"),
                      " slurm ",
                      source_file("tests/system/chain_with_signal"),
                      " runs/parts --nodes=2 --ntasks-per-node=1 train.yaml run.name=parts",
                      kShort,
                      " rollout.yaml evaluate.yaml"));
  if (outcome.code == 77) {
    GTEST_SKIP() << outcome.text.substr(0, outcome.text.find('\n'));
  }
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("stopped by SIGUSR1 at step ")) << "mpirun got SIGTERM";
  EXPECT_THAT(outcome.text, HasSubstr("has saved and waits in the queue to go on"));
  EXPECT_THAT(outcome.text, HasSubstr("start 2: 2 ranks on first,second"));
  EXPECT_THAT(outcome.text, Not(HasSubstr("is still")));
  // Two ranks on each of two nodes by --ntasks-per-node, which --ntasks would overrule.
  auto const words = concat("of 4: ", EDDYLINE_PROGRAM, " evaluate places.yaml --overwrite\n");
  EXPECT_THAT(outcome.text, HasSubstr("job 1, start 1: 4 ranks on first,second"));
  EXPECT_THAT(outcome.text, HasSubstr(words + words + words + words));
  // Slurm's own signal, one minute being all the time that the job has.
  EXPECT_THAT(outcome.text, HasSubstr("job 2, start 1: 1 rank on "));
  EXPECT_THAT(outcome.text, HasSubstr("job 2 has saved and waits in the queue to go on"));
  int64_t const end = last("timed").facts["training"]["state"]["step"];
  EXPECT_THAT(outcome.text, HasSubstr("job 2, start 2: 1 rank on "));
  EXPECT_THAT(outcome.text, HasSubstr(concat("goes on after step ", end - 2, "\n")));
  expect_weights_of_a_whole_run();
  for (auto const* const made : {"rollout/rollout.h5", "evaluation.json"}) {
    EXPECT_TRUE(std::filesystem::exists(folder_ / "runs/parts" / made)) << made << outcome.text;
  }
}

TEST_F(JobScripts, WithoutSlurmTheLauncherTurnsSigtermIntoASaveAndGoesOnBitForBit) {
  auto const train =
      concat(source_file("workflows/slurm/mpirun.sh"), " 2 train train.yaml ", kShort);
  // Signalled from a second shell, in the middle of the run.
  auto const stopped = in_shell(concat(
      "bash -c '",
      train,
      " run.name=parts --resume & for i in $(seq 300); do [ -e runs/parts/metrics.csv ] && [ "
      "$(wc -l < runs/parts/metrics.csv) -ge 4 ] && break; sleep 0.1; done; kill -TERM $!; "
      "wait $!'"));
  ASSERT_EQ(stopped.code, 75) << stopped.text;
  EXPECT_THAT(stopped.text, HasSubstr("stopped by SIGUSR1 at step "));
  auto const resumed = in_shell(train + " run.name=parts --resume");
  ASSERT_EQ(resumed.code, 0) << resumed.text;
  expect_weights_of_a_whole_run();
}

TEST_F(JobScripts, SayWhatTheyWant) {
  auto const outcome = in_shell(source_file("workflows/slurm/mpirun.sh") + " train train.yaml");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.text, HasSubstr("say ranks and verb: mpirun.sh 2 train train.yaml --resume"));
  auto const program =
      in_shell("env EDDYLINE=/nowhere " + source_file("workflows/slurm/mpirun.sh") + " 2 doctor");
  EXPECT_EQ(program.code, 2);
  EXPECT_THAT(program.text, HasSubstr("error: EDDYLINE is '/nowhere', which is no program"));
}

}  // namespace
}  // namespace eddyline
