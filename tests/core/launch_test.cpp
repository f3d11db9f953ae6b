#include "core/launch.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <map>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

/// Sets a launcher's variables, and no others of a launcher, while it lives.
class LauncherVariables {
 public:
  explicit LauncherVariables(std::map<std::string, std::string> const& values) {
    for (auto const* name : {"OMPI_COMM_WORLD_SIZE",
                             "SLURM_STEP_NUM_TASKS",
                             "SLURM_STEP_ID",
                             "SLURM_NTASKS",
                             "SLURM_HET_SIZE",
                             "PMI_SIZE",
                             "PMIX_SIZE"}) {
      auto const* old = std::getenv(name);
      old_[name] = old != nullptr ? std::optional<std::string>(old) : std::nullopt;
      ::unsetenv(name);
    }
    for (auto const& [name, value] : values) {
      ::setenv(name.c_str(), value.c_str(), 1);
    }
  }
  ~LauncherVariables() {
    for (auto const& [name, value] : old_) {
      value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
    }
  }
  LauncherVariables(LauncherVariables const&) = delete;
  LauncherVariables& operator=(LauncherVariables const&) = delete;

 private:
  std::map<std::string, std::optional<std::string>> old_;
};

std::string message_of(std::map<std::string, std::string> const& variables, int mpi_size) {
  LauncherVariables const set(variables);
  try {
    check_launch(mpi_size);
  } catch (Error const& error) {
    return error.what();
  }
  return "fine";
}

TEST(Launch, TasksThatMpiDoesNotSeeAreRefused) {
  auto const slurm = message_of({{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_STEP_ID", "0"}}, 1);
  EXPECT_THAT(slurm,
              HasSubstr("the launcher started 4 tasks (SLURM_STEP_NUM_TASKS) but MPI sees 1"));
  EXPECT_THAT(slurm, HasSubstr("use 'srun --mpi=pmix'"));
  EXPECT_THAT(slurm, HasSubstr("unset SLURM_STEP_NUM_TASKS"));
  EXPECT_THAT(message_of({{"PMI_SIZE", "2"}}, 1), HasSubstr("started 2 tasks (PMI_SIZE)"));
  EXPECT_THAT(message_of({{"PMIX_SIZE", "2"}}, 1), HasSubstr("started 2 tasks (PMIX_SIZE)"));
  EXPECT_THAT(message_of({{"OMPI_COMM_WORLD_SIZE", "2"}}, 1),
              HasSubstr("started 2 tasks (OMPI_COMM_WORLD_SIZE)"));
}

TEST(Launch, EqualCountsAreFine) {
  EXPECT_EQ(message_of({{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_STEP_ID", "0"}}, 4), "fine");
  EXPECT_EQ(message_of({}, 1), "fine");
}

TEST(Launch, TheTasksOfAnAllocationAreNotThoseOfThisProcess) {
  EXPECT_EQ(message_of({{"SLURM_NTASKS", "8"}}, 1), "fine");
}

TEST(Launch, MpirunInsideAStepIsBelievedBeforeTheStep) {
  // mpirun starts its daemons by srun: one task a node.
  EXPECT_EQ(
      message_of(
          {{"OMPI_COMM_WORLD_SIZE", "8"}, {"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_STEP_ID", "0"}},
          8),
      "fine");
}

TEST(Launch, AJobOfUnlikePartsCountsOneOfThemOnly) {
  EXPECT_EQ(
      message_of({{"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_STEP_ID", "0"}, {"SLURM_HET_SIZE", "2"}},
                 6),
      "fine");
}

TEST(Launch, VariablesThatAreNoCountsAreIgnored) {
  EXPECT_EQ(message_of({{"PMI_SIZE", "many"}}, 1), "fine");
}

TEST(Launch, IsDescribedInWords) {
  std::map<std::string, std::string> const variables = {{"PMI_SIZE", "2"}};
  LauncherVariables const set(variables);
  EXPECT_EQ(describe_launcher(), "2 tasks by PMI_SIZE");
}

}  // namespace
}  // namespace eddyline
