// A rollout that is too big for one process, and not for four.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "data/sinks/rollout_folder.hpp"
#include "tests/apps/process.hpp"
#include "tests/workflows/rollout/small_box.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

/// For the fields of one of four ranks, and not for those of one alone.
constexpr int64_t kRoomKib = int64_t{600} << 10;
constexpr char const* kNetwork =
    "{filters: 8, dim: 16, heads: 2, depth: 1, mlp_dim: 16, heads_xa: 4, patch: [8, 8, 8], "
    "history: 2, max_patches: 8192}";

class TooBig : public testing::Test {
 protected:
  TooBig()
      : folder_(testing_rollout::prepare_box(
            "too_big",
            {"morph", kNetwork},
            {.cells = {128, 128, 192}, .trajectories = 1, .frames = 3})) {}

  std::string rollout(std::string const& out, std::string const& more) const {
    return concat(kProgram,
                  " rollout model=",
                  (folder_ / "run/checkpoints/best.h5").string(),
                  " split=all device=cpu truth=off steps=1 out=",
                  (folder_ / out).string(),
                  " ",
                  more);
  }

  /// Runs a script of the shell on each rank.
  Outcome run(int ranks, std::string const& script) const {
    std::ofstream(folder_ / "rank.sh") << script << "\n";
    auto const command = "sh " + (folder_ / "rank.sh").string();
    return outcome_of("export OMP_NUM_THREADS=1 OMPI_MCA_mpi_yield_when_idle=1; timeout 100 " +
                      (ranks == 1 ? command : mpirun(ranks) + command));
  }

  /// KiB of address space that a rank of a run without its fields takes at most: libraries, MPI and
  /// HDF5, which are others on each machine.
  int64_t address_space_of_little() const {
    auto const sizes = (folder_ / "sizes").string();
    auto const little =
        testing_rollout::prepare_box("too_big_little",
                                     {"morph", kNetwork},
                                     {.cells = {16, 32, 32}, .trajectories = 1, .frames = 4});
    auto const outcome =
        run(4,
            concat("OMP_NUM_THREADS=1 ",
                   kProgram,
                   " rollout model=",
                   (little / "run/checkpoints/best.h5").string(),
                   " split=all device=cpu truth=off steps=1 parallel.domain=[1,2,2] out=",
                   (folder_ / "little").string(),
                   " & pid=$!\n"
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

  std::filesystem::path folder_;
};

TEST_F(TooBig, ForOneRankIsRefusedBeforeItBeginsAndFinishesOnFour) {
  auto const limit = address_space_of_little() + kRoomKib;
  auto const limited = concat("ulimit -v ", limit, "\nexec ");
  auto const alone = run(1, limited + rollout("alone", ""));
  EXPECT_EQ(alone.code, 1) << alone.text;
  EXPECT_THAT(alone.text, HasSubstr("this rollout needs about "));
  EXPECT_THAT(alone.text, HasSubstr("ulimit -v allows "));
  EXPECT_THAT(alone.text, testing::ContainsRegex("parallel.domain=.*mpirun -np [234] needs about"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "alone"));
  auto const four = run(4, limited + rollout("four", "parallel.domain=[1,2,2]"));
  EXPECT_EQ(four.code, 0) << four.text;
  EXPECT_THAT(four.text, HasSubstr("peak memory of a rank "));
  EXPECT_EQ(RolloutFolder(folder_ / "four").last_step(0), 1);
}

}  // namespace
}  // namespace eddyline
