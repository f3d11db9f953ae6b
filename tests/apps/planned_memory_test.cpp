// What `eddyline plan` foretells beside what a run then says it held.
#include <gmock/gmock.h>

#include <filesystem>
#include <regex>

#include <gtest/gtest.h>

#include "tests/apps/process.hpp"
#include "tests/workflows/rollout/small_box.hpp"

namespace eddyline {
namespace {

/// GiB that the text says; 0 if it says none.
double gibibytes_in(std::string const& text, std::string const& pattern) {
  std::smatch found;
  return std::regex_search(text, found, std::regex(pattern)) ? std::stod(found[1]) : 0;
}

class PlannedMemory : public testing::Test {
 protected:
  PlannedMemory()
      : folder_(testing_rollout::prepare_box("planned_memory",
                                             {"morph",
                                              "{filters: 8, dim: 16, heads: 2, depth: 1, mlp_dim: "
                                              "16, heads_xa: 4, patch: [8, 8, 8], history: 2, "
                                              "max_patches: 1024}"},
                                             {.cells = {32, 64, 64}, .frames = 6})) {}

  /// \param domain  "1, 1, 2"
  void expect_foretold(int ranks, std::string const& domain) const {
    SCOPED_TRACE(concat(ranks, " ranks, ", domain));
    std::string const start =
        "export OMP_NUM_THREADS=1 OMPI_MCA_mpi_yield_when_idle=1; timeout 100 ";
    auto const configuration = concat(
        " model=", (folder_ / "run/checkpoints/best.h5").string(), " split=all device=cpu steps=3");
    auto const plan =
        outcome_of(concat(start, kProgram, " plan", configuration, " plan.ranks=", ranks));
    ASSERT_EQ(plan.code, 0) << plan.text;
    auto const planned = gibibytes_in(
        plan.text, concat("\n +", ranks, " +\\[", domain, "\\] +[0-9]+ +([0-9.]+) GiB"));
    auto const run = outcome_of(concat(start,
                                       ranks > 1 ? mpirun(ranks) : "",
                                       kProgram,
                                       " rollout",
                                       configuration,
                                       " out=",
                                       (folder_ / concat("rollout", ranks)).string(),
                                       " 'parallel.domain=[",
                                       domain,
                                       "]'"));
    ASSERT_EQ(run.code, 0) << run.text;
    auto const measured = gibibytes_in(run.text, "peak memory of a rank ([0-9.]+) GiB");
    ASSERT_GT(measured, 0) << run.text;
    EXPECT_NEAR(planned / measured, 1, 0.2) << plan.text << run.text;
  }

  std::filesystem::path folder_;
};

TEST_F(PlannedMemory, OfARolloutIsWithinAFifthOfWhatARankHeld) {
  expect_foretold(1, "1, 1, 1");
  expect_foretold(2, "1, 1, 2");
}

}  // namespace
}  // namespace eddyline
