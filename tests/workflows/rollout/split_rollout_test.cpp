// Rollouts of samples that are split in space give what whole samples give, from file to file.
#include <gmock/gmock.h>

#include <algorithm>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/memory_count.hpp"
#include "data/hdf5/file.hpp"
#include "tests/largest_tensor.hpp"
#include "tests/message_of.hpp"
#include "tests/workflows/rollout/small_box.hpp"
#include "workflows/rollout/run_rollout.hpp"

namespace eddyline {
namespace {

using namespace testing_rollout;
using testing::HasSubstr;

using Parts = std::array<int64_t, 3>;

constexpr int64_t kSteps = 20;
// Of a rollout that is stopped after its first segment.
constexpr int64_t kSegment = 7, kTwoSegments = 10;
// Blocks order the sums of float32 otherwise; 20 steps of an untrained network grow that.
constexpr double kRoundOff = 2e-4;

/// Rollouts by a network, one rank's and split ones.
class SplitRollout : public testing::Test {
 protected:
  void make(std::string const& surrogate, std::string const& yaml, Box3d const& box = {}) {
    folder_ = prepare_box("rollout", {surrogate, yaml}, box);
  }
  RolloutConfig config(std::string const& out, Parts const& domain = {1, 1, 1}) const {
    RolloutConfig config;
    config.model = (folder_ / "run" / "checkpoints" / "best.h5").string();
    config.split = Split::all;
    config.steps = kSteps;
    config.segment = kSegment;
    config.device = DeviceKind::cpu;
    config.out = (folder_ / out).string();
    config.parallel.domain = domain;
    return config;
  }
  /// On the first rank alone.
  void run_whole(RolloutConfig const& config) const {
    world_.together([&] {
      if (world_.is_root()) {
        run_rollout(config, Existing::refuse, Communicator::self());
      }
    });
  }
  std::vector<Parts> splits() const {
    // (1, 1, 2) on four ranks: two trajectories at once.
    return world_.size() == 2 ? std::vector<Parts>{{1, 1, 2}, {2, 1, 1}}
                              : std::vector<Parts>{{1, 2, 2}, {2, 2, 1}, {1, 1, 2}};
  }

  /// Those on which every network is rolled out.
  std::vector<Parts> splits_of_networks() const { return {splits().front(), splits().back()}; }

  /// A rollout of whole samples in folder `whole` equals those on each split that begin with
  /// `first_steps` steps and are resumed, up to `rounding` of the largest value.
  void expect_same_split(RolloutConfig const& whole, int64_t first_steps, double rounding);

  /// The first rank reads what the two folders hold and compares it.
  void expect_same(std::string const& a, std::string const& b, double rounding) const;

  Communicator world_ = Communicator::world();
  std::filesystem::path folder_;
};

std::vector<std::string> files_in(std::filesystem::path const& folder) {
  std::vector<std::string> names;
  for (auto const& entry : std::filesystem::recursive_directory_iterator(folder)) {
    auto const name = std::filesystem::relative(entry.path(), folder).string();
    if (entry.path().extension() == ".h5" || entry.path().extension() == ".xdmf") {
      names.push_back(name);
    }
  }
  std::ranges::sort(names);
  return names;
}

/// Every data set of one file beside that of the other, where `rounding` of the largest value may
/// differ.
void expect_same_groups(Hdf5Group const& a, Hdf5Group const& b, double rounding) {
  ASSERT_EQ(a.data_sets(), b.data_sets());
  ASSERT_EQ(a.groups(), b.groups());
  for (auto const& name : a.data_sets()) {
    auto const x = a.open_data_set(name), y = b.open_data_set(name);
    EXPECT_EQ(x.shape(), y.shape()) << name;
    EXPECT_EQ(x.type_name(), y.type_name()) << name;
    auto const p = x.read_all(at::kDouble), q = y.read_all(at::kDouble);
    EXPECT_TRUE(at::equal(p.isnan(), q.isnan())) << name;
    auto const most = std::max(1.0, at::nan_to_num(p).abs().max().item<double>());
    EXPECT_LE(at::nan_to_num(p - q).abs().max().item<double>(), rounding * most) << name;
  }
  for (auto const& name : a.groups()) {
    expect_same_groups(a.open_group(name), b.open_group(name), rounding);
  }
}

/// The rollouts hold the same files with the same contents; the XDMF files are equal letter by
/// letter.
void expect_same_rollouts(std::filesystem::path const& a,
                          std::filesystem::path const& b,
                          double rounding) {
  auto const names = files_in(a);
  ASSERT_EQ(names, files_in(b));
  ASSERT_GE(names.size(), 7) << "rollout.h5, and XDMF and segments of three trajectories";
  for (auto const& name : names) {
    SCOPED_TRACE(name);
    if (name.ends_with(".xdmf")) {
      EXPECT_EQ(read_text(a / name, 1 << 20), read_text(b / name, 1 << 20));
    } else if (name == "rollout.h5") {
      auto const x = Hdf5File::open(a / name), y = Hdf5File::open(b / name);
      expect_same_groups(x.open_group("fields"), y.open_group("fields"), rounding);
      ASSERT_EQ(x.groups(), y.groups());
      if (std::ranges::count(x.groups(), "constants") > 0) {
        expect_same_groups(x.open_group("constants"), y.open_group("constants"), 0);
      }
    } else {
      expect_same_groups(Hdf5File::open(a / name), Hdf5File::open(b / name), rounding);
    }
  }
}

void SplitRollout::expect_same(std::string const& a, std::string const& b, double rounding) const {
  if (world_.is_root()) {
    expect_same_rollouts(folder_ / a, folder_ / b, rounding);
  }
}

void SplitRollout::expect_same_split(RolloutConfig const& whole,
                                     int64_t first_steps,
                                     double rounding) {
  for (auto const& parts : splits()) {
    auto const name = concat("split-", parts[0], parts[1], parts[2]);
    SCOPED_TRACE(name);
    auto split = whole;
    split.out = (folder_ / name).string();
    split.parallel.domain = parts;
    split.steps = first_steps;
    run_rollout(split, Existing::refuse, world_);
    split.steps = whole.steps;
    run_rollout(split, Existing::resume, world_);
    expect_same("whole", name, rounding);
  }
}

struct RolledOut {
  std::string name, surrogate, model;
  Box3d box = {};
  int64_t token = 1;  ///< numbers that travel for each cell where every cell is a token
};

std::ostream& operator<<(std::ostream& out, RolledOut const& rolled_out) {
  return out << rolled_out.name;
}

/// The same of every network that works on blocks; split_test.cpp has as many steps on the other
/// splits.
class SplitRollouts : public SplitRollout, public testing::WithParamInterface<RolledOut> {};

TEST_P(SplitRollouts, WriteTheFilesOfOneRankAndSendNoWholeFieldOnManyRanks) {
  auto const& [name, surrogate, model, box, token] = GetParam();
  make(surrogate, model, box);
  auto rollout = config("whole");
  rollout.segment = kSteps;  // others are stopped and go on
  run_whole(rollout);
  for (auto const& parts : splits_of_networks()) {
    if (parts[0] > box.cells[0]) {
      continue;
    }
    auto const out = concat("split-", parts[0], parts[1], parts[2]);
    SCOPED_TRACE(out);
    rollout.out = (folder_ / out).string();
    rollout.parallel.domain = parts;
    forget_traffic_of_process();
    ASSERT_EQ(run_rollout(rollout, Existing::refuse, world_), ExitCode::done);
    expect_same("whole", out, kRoundOff);
    auto const at_once =
        (box.trajectories * parts[0] * parts[1] * parts[2] - 1) / world_.size() + 1;
    expect_no_message_as_large_as(at_once * box.field(token));
  }
}

INSTANTIATE_TEST_SUITE_P(
    ,
    SplitRollouts,
    testing::Values(
        RolledOut{"fno", "fno", kFno},
        RolledOut{"ifno", "ifno", kFno},
        RolledOut{"morph", "morph", kMorph},
        RolledOut{"ifactformer",
                  "ifactformer",
                  "{dim: 16, heads: 2, dim_head: 4, n_layer: 2, history: 2}",
                  {},
                  16},
        RolledOut{"ifactformer_o",
                  "ifactformer",
                  "{variant: o, dim: 16, heads: 2, dim_head: 4, n_layer: 2, history: 2}",
                  {},
                  16},
        RolledOut{"gphyt",
                  "gphyt",
                  "{hidden_dim: 16, mlp_dim: 32, num_heads: 2, num_layers: 2, patch: [1, 4, 4], "
                  "history: 2}",
                  {.cells = {1, 8, 12}},
                  2},  // the tokens of both frames meet: they travel at once
        RolledOut{"climax",
                  "climax",
                  "{variables: [], dim: 16, heads: 4, depth: 2, decoder_depth: 0, patch: [1, 4, "
                  "4]}",
                  {.cells = {1, 8, 12}, .history = 1}},
        RolledOut{
            "unet", "unet", "{patch: [2, 4, 4], features: 4, blocks_per_stage: 1, history: 2}"}),
    [](auto const& instance) { return instance.param.name; });

TEST_F(SplitRollout, GoesOnBitForBitAndOnOtherSplitsToRoundOffOnManyRanks) {
  make("fno", kFno);
  auto const parts = splits().front(), others = splits().back();
  auto const roll = [&](std::string const& name, Parts const& domain, int64_t steps) {
    auto settings = config(name, domain);
    settings.steps = steps;
    run_rollout(settings,
                steps == kTwoSegments && name != "unbroken" ? Existing::resume : Existing::refuse,
                world_);
  };
  roll("unbroken", parts, kTwoSegments);
  for (auto const& name : {"same", "other"}) {
    roll(name, parts, kSegment);
  }
  roll("same", parts, kTwoSegments);
  expect_same("unbroken", "same", 0);
  roll("other", others, kTwoSegments);
  expect_same("unbroken", "other", kRoundOff);
}

TEST_F(SplitRollout, AddsCellsAtTheEdgesOfTheWholeGridOnManyRanks) {
  make("morph",
       "{filters: 8, dim: 16, heads: 2, depth: 1, mlp_dim: 16, heads_xa: 4, patch: [3, 5, 5], "
       "history: 2, max_patches: 64}");
  auto whole = config("whole");
  whole.steps = kTwoSegments;
  whole.data.text = "{fit: pad}";
  whole.allow = {"boundaries"};  // what is longer is no circle any more
  run_whole(whole);
  expect_same_split(whole, kSegment, kRoundOff);
}

TEST_F(SplitRollout, OfADirectForecastGoesOnOnManyRanks) {
  make("fno", kFno);
  auto const parts = splits().front();
  auto whole = config("unbroken", parts);
  whole.steps = kTwoSegments;
  whole.forecast = Forecast::direct;
  run_rollout(whole, Existing::refuse, world_);
  auto broken = config("broken", parts);
  broken.forecast = Forecast::direct;
  broken.steps = kSegment;
  run_rollout(broken, Existing::refuse, world_);
  broken.steps = kTwoSegments;
  run_rollout(broken, Existing::resume, world_);
  expect_same("unbroken", "broken", 0);
}

TEST_F(SplitRollout, TakesAWindowsMomentsOverAllItsBlocksOnManyRanks) {
  make("fno", kFno);
  auto whole = config("whole");
  whole.data.text = "{normalisation: window}";
  whole.steps = 3;
  run_whole(whole);
  auto split = config("split", splits().front());
  split.data.text = whole.data.text;
  split.steps = 3;
  run_rollout(split, Existing::refuse, world_);
  expect_same("whole", "split", kRoundOff);
}

TEST_F(SplitRollout, HoldsNoWholeFrameOnARankOnManyRanks) {
  Box3d const box{.cells = {32, 32, 32}, .trajectories = 1, .frames = 6};
  make("fno", "{modes: [2, 2, 2], width: 4, layers: 1, projection: 4, history: 2}", box);
  auto settings = config("whole");
  settings.steps = 4;
  settings.out = (folder_ / concat("whole-", world_.rank())).string();
  auto const whole =
      allocator_peak([&] { run_rollout(settings, Existing::refuse, Communicator::self()); });
  world_.barrier();
  settings.parallel.domain = {1, world_.size() / 2, 2};
  settings.out = (folder_ / "split").string();
  auto const split = allocator_peak([&] { run_rollout(settings, Existing::refuse, world_); });
  auto const own = static_cast<double>(whole) / world_.size();
  EXPECT_LT(static_cast<double>(split), 1.1 * own);
}

TEST_F(SplitRollout, HoldsNoWholeFieldOnARankOnManyRanks) {
  make("climax", kClimaxOfFewNumbers, kFieldWithGaps);
  auto settings = config("out", {1, world_.size() / 2, 2});
  settings.steps = 1;
  settings.trajectories = {0};
  settings.truth = TruthKind::off;
  settings.data.text = "{missing: mask}";
  auto const largest = largest_tensor([&] { run_rollout(settings, Existing::refuse, world_); });
  // Two blocks: on four ranks half a field.
  EXPECT_LE(largest, 2 * kFieldWithGaps.field() / world_.size());
}

TEST_F(SplitRollout, IsOneNetcdfFileTooOnManyRanks) {
  make("fno", kFno);
  auto whole = config("whole");
  whole.steps = 3;
  whole.netcdf = true;
  run_whole(whole);
  auto split = whole;
  split.out = (folder_ / "split").string();
  split.parallel.domain = splits().front();
  run_rollout(split, Existing::refuse, world_);
  if (world_.is_root()) {
    expect_same_groups(Hdf5File::open(folder_ / "whole" / "forecast.nc"),
                       Hdf5File::open(folder_ / "split" / "forecast.nc"),
                       kRoundOff);
  }
}

TEST_F(SplitRollout, OfASolverGivesTheBitsOfOneRankOnManyRanks) {
  make("fno", kFno);  // the folder
  RolloutConfig whole;
  whole.solver = "diffusion_reaction";
  whole.equation.text = "{cells: [8, 9], frames: 11, final_time: 0.5}";
  whole.seeds = {4, 5, 6};
  whole.steps = 7;
  whole.segment = 2;
  whole.out = (folder_ / "whole").string();
  run_whole(whole);
  expect_same_split(whole, 4, 0);
}

TEST_F(SplitRollout, OfASolverThatDividesItsGridBySlabsOnManyRanks) {
  make("fno", kFno);  // the folder
  RolloutConfig whole;
  whole.solver = "navier_stokes_periodic";
  whole.equation.text = "{cells: [8, 6, 5], interval: 0.1, steps: 2}";
  whole.seeds = {4, 5, 6};
  whole.steps = 4;
  whole.out = (folder_ / "whole").string();
  run_whole(whole);
  auto split = whole;
  split.out = (folder_ / "split").string();
  split.parallel.domain = {1, world_.size() / 2, 2};
  run_rollout(split, Existing::refuse, world_);
  // Ranks change round-off of float64.
  expect_same("whole", "split", 1e-12);
}

TEST_F(SplitRollout, SaysWhatCannotBeSplitOnManyRanks) {
  make("fno", kFno);
  auto settings = config("out", {3, 1, 1});
  EXPECT_THAT(message_of([&] { run_rollout(settings, Existing::refuse, world_); }),
              HasSubstr("their product divides the number of ranks"));
}

TEST_F(SplitRollout, NamesTheSplitsThatTheGridAllowsOnManyRanks) {
  make("morph",
       "{filters: 8, dim: 16, heads: 2, depth: 1, mlp_dim: 16, heads_xa: 4, patch: [8, 4, 4], "
       "history: 2, max_patches: 64}");
  EXPECT_THAT(message_of([&] {
                run_rollout(config("out", {2, 1, 1}), Existing::refuse, world_);
              }),
              HasSubstr("axis D of 8 cells in units of 8 cannot be split over 2 ranks; allowed: 1; "
                        "splits over 2 ranks: [1, 1, 2], [1, 2, 1]"));
}

}  // namespace
}  // namespace eddyline
