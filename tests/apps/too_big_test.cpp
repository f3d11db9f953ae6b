// Runs that are too big for one process, and not for four.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include <gtest/gtest.h>

#include "data/sinks/rollout_folder.hpp"
#include "tests/apps/process.hpp"
#include "tests/workflows/rollout/small_box.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr char const* kNetwork =
    "filters: 8, dim: 16, heads: 2, depth: 1, mlp_dim: 16, heads_xa: 4, patch: [8, 8, 8], "
    "history: 2, max_patches: 8192";

/// Words of a run on a box, which leaves what it makes in `name` beside it.
using Words = std::string(std::filesystem::path const& box, std::string const& name);

class TooBig : public testing::Test {
 protected:
  static std::filesystem::path box(char const* what, testing_rollout::Box3d const& box) {
    return testing_rollout::prepare_box(what, {"morph", concat("{", kNetwork, "}")}, box);
  }

  static std::string rollout(std::filesystem::path const& box, std::string const& name) {
    return concat(kProgram,
                  " rollout model=",
                  (box / "run/checkpoints/best.h5").string(),
                  " split=all device=cpu truth=off steps=1 out=",
                  (box / name).string());
  }
  static std::string training(std::filesystem::path const& box, std::string const& name) {
    return concat(kProgram,
                  " train 'data={path: ",
                  (box / "data").string(),
                  ", splits: {by: trajectories, fractions: [1, 0, 0]}}' 'model={surrogate: morph, ",
                  kNetwork,
                  "}' 'train={batch: 1, steps: 2, schedule: {kind: constant, peak: 1e-3}}' "
                  "run.device=cpu run.folder=",
                  box.string(),
                  " run.name=",
                  name);
  }

  /// Runs a script of the shell on each rank.
  Outcome run(int ranks, std::string const& script) const {
    std::ofstream(little_ / "rank.sh") << script << "\n";
    auto const command = "sh " + (little_ / "rank.sh").string();
    return outcome_of("export OMP_NUM_THREADS=1 OMPI_MCA_mpi_yield_when_idle=1; timeout 100 " +
                      (ranks == 1 ? command : mpirun(ranks) + command));
  }

  /// KiB of address space that one of four ranks of a run without its fields takes at most:
  /// libraries, MPI and HDF5, which are others on each machine.
  int64_t address_space_of(std::string const& words) const {
    auto const sizes = (little_ / "sizes").string();
    auto const outcome = run(4,
                             concat(words,
                                    " 'parallel.domain=[1,2,2]' & pid=$!\n"
                                    "while grep VmPeak /proc/$pid/status >> ",
                                    sizes,
                                    " 2> /dev/null; do sleep 0.02; done\nwait $pid"));
    EXPECT_EQ(outcome.code, 0) << outcome.text;
    std::ifstream in(sizes);
    int64_t most = 0, size = 0;
    for (std::string key, unit; in >> key >> size >> unit;) {
      most = std::max(most, size);
    }
    return most;
  }

  /// Runs on four ranks, with the split that the refusal names, or (1, 2, 2) where it names one of
  /// fewer ranks: four hold less each.
  Outcome run_on_four(Outcome const& refused, std::string const& words) const {
    static std::regex const way("(parallel.domain=\\[.*\\]) with mpirun -np ([234]) needs about");
    std::smatch found;
    if (!std::regex_search(refused.text, found, way)) {
      return {-1, "no split over up to four ranks is named: " + refused.text};
    }
    auto const split = found[2] == "4" ? found[1].str() : "parallel.domain=[1,2,2]";
    return run(4, concat(words, " '", split, "'"));
  }

  /// A run under a limit that leaves so many MiB for the fields of a rank: those of one of four,
  /// not those of one alone. It is refused as "alone", and made by four as "split".
  void expect_fits_four_only(Words* words, std::filesystem::path const& folder, int64_t room) {
    auto const limit = address_space_of(words(little_, "little")) + (room << 10);
    auto const limited = concat("ulimit -v ", limit, "\nexec ");
    auto const alone = run(1, limited + words(folder, "alone"));
    EXPECT_EQ(alone.code, 1) << alone.text;
    EXPECT_THAT(alone.text, testing::ContainsRegex("this (rollout|training) needs about "));
    EXPECT_THAT(alone.text, HasSubstr("ulimit -v allows "));
    auto const split = run_on_four(alone, limited + words(folder, "split"));
    EXPECT_EQ(split.code, 0) << alone.text << split.text;
    EXPECT_THAT(split.text, HasSubstr("peak memory of a rank "));
  }

  std::filesystem::path little_ =
      box("too_big_little", {.cells = {16, 32, 32}, .trajectories = 1, .frames = 4});
};

TEST_F(TooBig, RolloutForOneRankIsRefusedBeforeItBeginsAndFinishesOnFour) {
  auto const folder = box("too_big", {.cells = {128, 128, 192}, .trajectories = 1, .frames = 3});
  expect_fits_four_only(&rollout, folder, 600);
  EXPECT_FALSE(std::filesystem::exists(folder / "alone"));
  EXPECT_EQ(RolloutFolder(folder / "split").last_step(0), 1);
}

TEST_F(TooBig, TrainingForOneRankIsRefusedBeforeItsFirstStepAndFinishesOnFour) {
  auto const folder =
      box("too_big_training", {.cells = {64, 128, 128}, .trajectories = 1, .frames = 4});
  expect_fits_four_only(&training, folder, 400);
  EXPECT_FALSE(std::filesystem::exists(folder / "alone/metrics.csv"));
  EXPECT_EQ(read_native(folder / "split/checkpoints/last.h5").facts["training"]["state"]["step"],
            2);
}

}  // namespace
}  // namespace eddyline
