#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "core/error.hpp"

// The built program, started as a user starts it: its own process, no environment variables of
// ours.
namespace eddyline {
namespace {

using testing::HasSubstr;

struct Outcome {
  int code;
  std::string text;
};

/// Runs a shell command with both streams caught. The variables by which this test's own MPI speaks
/// to its children are taken away, as well as what helps MPI to run as root.
Outcome outcome_of(std::string const& command) {
  std::string const clean =
      "for name in $(env | sed -n "
      "'s/^\\(OMPI_[A-Za-z0-9_]*\\|PMIX_[A-Za-z0-9_]*\\|PRTE_[A-Za-z0-9_]*\\|OMP_NUM_THREADS\\)=.*/"
      "\\1/p'); "
      "do unset $name; done; ";
  Outcome outcome{-1, ""};
  auto* pipe = ::popen((clean + "{ " + command + " ; } 2>&1").c_str(), "r");
  std::array<char, 4096> chunk;
  while (auto const count = std::fread(chunk.data(), 1, chunk.size(), pipe)) {
    outcome.text.append(chunk.data(), count);
  }
  auto const status = ::pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

std::string const kProgram = EDDYLINE_PROGRAM;

std::string mpirun(int ranks) {
  return concat("env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ",
                EDDYLINE_MPIRUN,
                " -np ",
                ranks,
                " --bind-to none --oversubscribe ");
}

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

TEST(Program, EndsWithOneAndAReasonWhenAFileCannotGrow) {
  auto const folder =
      concat(std::filesystem::temp_directory_path().string(), "/eddyline_full_", getpid());
  auto const outcome =
      outcome_of("ulimit -f 64; " + kProgram +
                 " rollout solver=diffusion_reaction equation.cells=[64,64] steps=2 out=" + folder);
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("File too large"));
  EXPECT_THAT(outcome.text, HasSubstr("while writing steps 0 to 2 of the rollout in"));
  EXPECT_TRUE(std::filesystem::is_empty(folder + "/trajectory-00000"))
      << "a half-written file was left";
  std::filesystem::remove_all(folder);
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

}  // namespace
}  // namespace eddyline
