#include <gmock/gmock.h>

#include <array>
#include <chrono>

#include <gtest/gtest.h>

#include "tests/apps/own_arrays.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A path of this process where nothing is.
std::string fresh_path(std::string const& name) {
  auto const path =
      concat(std::filesystem::temp_directory_path().string(), "/eddyline_", name, "_", getpid());
  std::filesystem::remove_all(path);
  return path;
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

TEST(Program, DoctorSaysOnceHowManyRanksThereAreOnWhichNodes) {
  auto const outcome = outcome_of(mpirun(2) + kProgram + " doctor");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  auto const line = concat("ok    ranks     2 on ", host.data(), " x 2; launcher: 2 tasks by ");
  EXPECT_THAT(outcome.text, HasSubstr(line));
  for (auto const* part : {" ranks  ", "ranks of this node", " memory  ", " disk  "}) {
    EXPECT_EQ(outcome.text.find(part), outcome.text.rfind(part)) << part;
  }
}

/// What doctor says where pvbatch and sbatch, first in PATH, print that whatever they are asked.
std::string doctor_beside(std::string const& pvbatch, std::string const& sbatch) {
  Scratch const scratch;
  auto const add = [&](std::string const& name, std::string const& answer) {
    std::ofstream(scratch / name) << "#!/bin/sh\necho '" << answer << "'\n";
    std::filesystem::permissions(scratch / name, std::filesystem::perms::owner_all);
  };
  add("pvbatch", pvbatch);
  add("sbatch", sbatch);
  return outcome_of(concat("PATH=", scratch / ":$PATH ", kProgram, " doctor")).text;
}

TEST(Program, DoctorTakesNoErrorForAVersion) {
  auto const text = doctor_beside("error while loading libvtk.so",
                                  "sbatch: error: resolve_ctls_from_dns_srv: Unknown host");
  EXPECT_THAT(text, HasSubstr("warn  Slurm     sbatch is here, but no cluster answers it; "));
  EXPECT_THAT(text, Not(HasSubstr("sbatch: error")));
  EXPECT_THAT(text, HasSubstr("warn  ParaView  no pvbatch; install paraview and python3-paraview"));
}

TEST(Program, DoctorSaysWhichClientFitsAndWhichSlurmIsHere) {
  auto const text = doctor_beside("paraview version 5.12.1", "slurm 23.11.4");
  EXPECT_THAT(text,
              HasSubstr("connect with a ParaView 5.12.x client (same major and minor version)"));
  EXPECT_THAT(text, HasSubstr("ok    Slurm     slurm 23.11.4"));
  EXPECT_THAT(doctor_beside("", "slurm-wlm 22.05.8"), HasSubstr("ok    Slurm     slurm-wlm 22.05"));
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
  EXPECT_THAT(outcome.text, HasSubstr("while writing the checkpoint of step "));
  EXPECT_FALSE(has_temporaries(own / "runs"));
}

/// Runs simulate on two ranks whose files cannot grow beyond 16 MiB, of the 34 wanted.
Outcome simulate_on_a_full_disk(Scratch const& scratch, std::string const& options) {
  // The ranks' own limit: that of mpirun would strike its shared memory.
  std::ofstream(scratch / "rank.sh")
      << "ulimit -f 32768\nexec " << kProgram
      << " simulate 'settings={cells: [256, 256], frames: 64, final_time: 0.05}' save.frames=64 "
         "train.trajectories=1 valid.trajectories=0 test.trajectories=0 out="
      << scratch / "data"
      << " " << options << "\n";
  return outcome_of("timeout 60 " + mpirun(2) + "sh " + scratch / "rank.sh");
}

TEST(Program, EndsWithOneAndAReasonWhenASimulationOnTwoRanksFillsTheDisk) {
  for (auto const* const options : {"parallel.domain=[1,1,1]", "parallel.domain=[1,1,2]"}) {
    Scratch const scratch;
    auto const outcome = simulate_on_a_full_disk(scratch, options);
    EXPECT_EQ(outcome.code, 1) << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr("File too large"));
    EXPECT_THAT(outcome.text, HasSubstr("error: cannot write '/t0_fields/"));
    EXPECT_FALSE(has_temporaries(scratch / "data")) << options;
  }
}

TEST(Program, ANameThatTheFileSystemRefusesIsNoBugOfOurs) {
  Scratch const scratch;
  auto const outcome = outcome_of(
      kProgram + " simulate train.trajectories=1 out=" + scratch / std::string(300, 'a'));
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("File name too long"));
}

/// Solver settings whose tolerance no step meets.
constexpr char const* kBlowsUp =
    "{cells: [8, 8], relative_tolerance: 1e-200, absolute_tolerance: 1e-200}'";

TEST(Program, RolloutEndsWithFourWhenTheSolutionBlowsUp) {
  auto const folder = fresh_path("rollout_blows_up");
  auto const outcome =
      outcome_of(kProgram + " rollout solver=diffusion_reaction steps=9 out=" + folder +
                 " 'equation=" + kBlowsUp);
  EXPECT_EQ(outcome.code, 4) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("while making step 1 of 9; the frames before it are saved"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/trajectory-00000/segment-00000000.h5"));
  std::filesystem::remove_all(folder);
}

TEST(Program, RolloutEndsWithTwoAtWhatTheUserCanFix) {
  auto const folder = fresh_path("rollout_user");
  auto const outcome = outcome_of(kProgram + " rollout model=" + folder + "/no.h5");
  EXPECT_EQ(outcome.code, 2) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr(folder + "/no.h5"));
  auto const wrong = outcome_of(kProgram + " rollout solver=diffusion_reactoin out=" + folder);
  EXPECT_EQ(wrong.code, 2) << wrong.text;
  EXPECT_THAT(wrong.text, HasSubstr("did you mean 'diffusion_reaction'?"));
  EXPECT_FALSE(std::filesystem::exists(folder));
}

std::string simulate_in(std::string const& folder) {
  return kProgram +
         " simulate valid.trajectories=0 test.trajectories=0 train.trajectories=1 save.frames=20 "
         "out=" +
         folder + " ";
}

TEST(Program, SimulateEndsWithOneAndAReasonWhenAFileCannotGrow) {
  auto const folder = fresh_path("simulate_full");
  auto const outcome =
      outcome_of("ulimit -f 64; " + simulate_in(folder) + "'settings={cells: [64, 64]}'");
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("File too large"));
  EXPECT_THAT(outcome.text, HasSubstr("error: cannot write "));
  EXPECT_THAT(outcome.text, HasSubstr("diffusion_reaction.hdf5.tmp'"));
  EXPECT_TRUE(std::filesystem::is_empty(folder + "/data/train")) << "a half-written file was left";
  std::filesystem::remove_all(folder);
}

TEST(Program, SimulateEndsWithTwoAtWhatTheUserCanFix) {
  auto const folder = fresh_path("simulate_user");
  auto const outcome = outcome_of(simulate_in(folder) + "'settings={cels: [8, 8]}'");
  EXPECT_EQ(outcome.code, 2) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("did you mean 'cells'?"));
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST(Program, SimulateEndsWithFourWhenTheSolutionBlowsUp) {
  auto const folder = fresh_path("simulate_blows_up");
  auto const outcome = outcome_of(simulate_in(folder) + "train.first_seed=7 'settings=" + kBlowsUp);
  EXPECT_EQ(outcome.code, 4) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("while solving for seeds 7"));
  EXPECT_TRUE(std::filesystem::is_empty(folder + "/data/train"));
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

TEST(Program, AFailingGroupOfRanksBringsDownTheOthers) {
  expect_all_ranks_end("group");
}

}  // namespace
}  // namespace eddyline
