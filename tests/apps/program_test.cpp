#include <gmock/gmock.h>

#include <chrono>

#include <gtest/gtest.h>

#include "tests/apps/own_arrays.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

TEST(Program, ListsItsVerbs) {
  auto const outcome = outcome_of(kProgram + " --help");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.text, HasSubstr("doctor"));
}

TEST(Program, SaysItsVersionAndThoseOfItsLibraries) {
  auto const outcome = outcome_of(kProgram + " --version");
  EXPECT_EQ(outcome.code, 0);
  for (auto const* part :
       {"eddyline 0.", "commit ", "LibTorch 2.", "HDF5 1.", "MPI Open MPI", "netCDF 4."}) {
    EXPECT_THAT(outcome.text, HasSubstr(part));
  }
}

TEST(Program, RunsWithoutAnyEnvironmentVariable) {
  auto const outcome = outcome_of("env -i " + kProgram + " --version");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
}

TEST(Program, RefusesAnUnknownVerbWithTheNearest) {
  auto const outcome = outcome_of(kProgram + " docto");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.text, HasSubstr("error: there is no verb 'docto'; did you mean 'doctor'?"));
}

TEST(Program, DoctorSaysWhatTheMachineHas) {
  auto const outcome = outcome_of(kProgram + " doctor");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  for (auto const* part : {"ranks",
                           "cores",
                           "memory",
                           "GPUs",
                           "MPI",
                           "LibTorch",
                           "HDF5",
                           "gzip",
                           "LZF",
                           "ParaView",
                           "Slurm",
                           "disk"}) {
    EXPECT_THAT(outcome.text, HasSubstr(part));
  }
}

TEST(Program, AnErrorThatAllRanksSeeIsSaidOnce) {
  auto const outcome = outcome_of(mpirun(2) + kProgram + " docto");
  EXPECT_EQ(outcome.code, 2);
  auto const first = outcome.text.find("error: there is no verb");
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(outcome.text.find("error: there is no verb", first + 1), std::string::npos);
}

TEST(Program, RefusesToBeOneOfManySilentSingletons) {
  auto const outcome = outcome_of("SLURM_STEP_NUM_TASKS=3 SLURM_STEP_ID=0 " + kProgram + " doctor");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.text,
              HasSubstr("the launcher started 3 tasks (SLURM_STEP_NUM_TASKS) but MPI sees 1"));
}

TEST(Program, RunsAloneInTheShellOfAnAllocation) {
  auto const outcome =
      outcome_of("SLURM_NTASKS=4 SLURM_NPROCS=4 SLURM_JOB_ID=7 " + kProgram + " doctor");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
}

/// Whether a folder holds a temporary of a file that never became whole.
bool has_temporaries(std::string const& folder) {
  for (auto const& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".tmp") {
      return true;
    }
  }
  return false;
}

TEST(Program, EndsWithOneAndAReasonWhenAFileCannotGrow) {
  Scratch const scratch;
  auto const folder = scratch / "rollout";
  auto const outcome =
      outcome_of("ulimit -f 64; " + kProgram +
                 " rollout solver=diffusion_reaction equation.cells=[64,64] steps=2 out=" + folder);
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("File too large"));
  EXPECT_THAT(outcome.text, HasSubstr("while writing steps 0 to 2 of the rollout in"));
  EXPECT_TRUE(std::filesystem::is_empty(folder + "/trajectory-00000"))
      << "a half-written file was left";
}

TEST(Program, EndsWithOneAndAReasonWhenACheckpointFillsTheDisk) {
  OwnArrays const own;
  auto const outcome = outcome_of("ulimit -f 64; " + kProgram + " train " + own / "train.yaml");
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("File too large"));
  EXPECT_FALSE(has_temporaries(own / "runs"));
}

TEST(Program, EndsWithOneAndAReasonWhenASimulationFillsTheDisk) {
  Scratch const scratch;
  auto const outcome =
      outcome_of("ulimit -f 64; " + kProgram +
                 " simulate 'settings={cells: [32, 32]}' train.trajectories=1 valid.trajectories=0 "
                 "test.trajectories=0 save.frames=20 out=" +
                 scratch / "data");
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("error: cannot write "));
  EXPECT_THAT(outcome.text, HasSubstr("diffusion_reaction.hdf5.tmp'"));
  EXPECT_FALSE(has_temporaries(scratch / "data"));
}

TEST(Program, ANameThatTheFileSystemRefusesIsNoBugOfOurs) {
  Scratch const scratch;
  auto const outcome = outcome_of(
      kProgram + " simulate train.trajectories=1 out=" + scratch / std::string(300, 'a'));
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("File name too long"));
}

void expect_all_ranks_end(std::string const& way) {
  auto const start = std::chrono::steady_clock::now();
  auto const outcome = outcome_of("timeout 60 " + mpirun(2) + EDDYLINE_FAILING_RANK + " " + way);
  EXPECT_EQ(outcome.code, 4) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("error: u is NaN\n  on rank 1 of 2"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

TEST(Program, AFailingRankBringsAllDownWithItsExitCode) {
  expect_all_ranks_end("waiting");
}

TEST(Program, AFailingRankDoesNotWaitForWhatItQueued) {
  expect_all_ranks_end("queued");
}

TEST(Program, AFailingGroupOfRanksBringsDownTheOthers) {
  expect_all_ranks_end("group");
}

}  // namespace
}  // namespace eddyline
