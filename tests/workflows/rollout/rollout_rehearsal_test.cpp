#include "workflows/rollout/rollout_rehearsal.hpp"

#include <gtest/gtest.h>

#include "core/memory_count.hpp"
#include "core/process_group.hpp"
#include "tests/workflows/rollout/small_box.hpp"
#include "workflows/rollout/rollout_source.hpp"
#include "workflows/rollout/run_rollout.hpp"

namespace eddyline {
namespace {

using Parts = std::array<int, 3>;

struct RolledOut {
  std::string name, model;
  testing_rollout::Box3d box = {.cells = {8, 8, 16}, .frames = 6};
};

class RehearsedRollout : public testing::TestWithParam<RolledOut> {
 protected:
  RehearsedRollout()
      : folder_(testing_rollout::prepare_box(
            GetParam().name + "_rehearsed",
            {GetParam().name.substr(0, GetParam().name.find('_')), GetParam().model},
            GetParam().box)) {}

  RolloutConfig config(int64_t steps, Parts domain) const {
    RolloutConfig config;
    config.model = (folder_ / "run/checkpoints/best.h5").string();
    config.split = Split::all;
    config.steps = steps;
    config.segment_mib = 64;  // one segment: at its begin the ranks agree on what is missing
    config.device = DeviceKind::cpu;
    config.check_memory = false;
    config.out = (folder_ / concat("out", steps)).string();
    config.parallel.domain = {domain[0], domain[1], domain[2]};
    return config;
  }
  std::unique_ptr<RolloutSource> source(Parts domain) const {
    return make_model_source(config(3, domain),
                             std::make_shared<Mesh const>(Communicator::self(), Parts{1, 1, 1}));
  }
  std::map<std::string, int64_t> traffic_of(int64_t steps, Parts domain) const {
    auto const before = sent_by_process();
    run_rollout(config(steps, domain), Existing::overwrite, world_);
    return sent_between(before, sent_by_process());
  }
  std::vector<Parts> domains() const {
    switch (world_.size()) {
      case 2:
        return {
            {1, 1, 2}, GetParam().box.cells[0] > 1 ? Parts{2, 1, 1} : Parts{1, 2, 1}, {1, 1, 1}};
      case 4:
        return {{1, 2, 2}, {1, 1, 2}};
      default:
        return {{1, 1, 1}};
    }
  }
  Communicator world_ = Communicator::world();
  std::filesystem::path folder_;
};

TEST_P(RehearsedRollout, SendsTheBytesOfARunToTheLastAndHoldsItsMemoryWithinAFifth) {
  for (auto const domain : domains()) {
    SCOPED_TRACE(concat(domain[0], " ", domain[1], " ", domain[2]));
    // What is not of steps (first and last frames) is the same in both.
    auto const two = traffic_of(2, domain);
    std::map<std::string, int64_t> three;
    auto const peak = allocator_peak([&] { three = traffic_of(3, domain); });
    auto const needs =
        source(domain)->rehearsal()->needs({.ranks = world_.size(), .domain = domain}).value();
    for (auto const& [kind, all] : three) {
      auto const step = all - (two.contains(kind) ? two.at(kind) : 0);
      auto const found = needs.sent.find(kind);
      EXPECT_EQ(found == needs.sent.end() ? 0 : found->second,
                world_.all_reduce(step, Reduction::max))
          << kind;
    }
    auto const measured = static_cast<double>(world_.all_reduce(peak, Reduction::max));
    EXPECT_NEAR(static_cast<double>(needs.tensor_bytes) / measured, 1, 0.2);
  }
}

/// The same of networks and boxes that can be tried on a quarter of the cells.
class QuicklyRehearsedRollout : public RehearsedRollout {};

TEST_P(QuicklyRehearsedRollout, IsForetoldByStepsOnFewerCells) {
  auto const all = source({1, 1, 1});
  auto const rehearsal = all->rehearsal();
  for (auto const domain : domains()) {
    SCOPED_TRACE(concat(domain[0], " ", domain[1], " ", domain[2]));
    Sharing const sharing{.ranks = world_.size(), .domain = domain};
    auto const whole = rehearsal->needs(sharing).value();
    auto const quick = rehearsal->needs(sharing, rehearsal->cells_and_samples(sharing) / 4).value();
    EXPECT_TRUE(quick.is_scaled);
    EXPECT_EQ(quick.cells * quick.samples, whole.cells * whole.samples);
    EXPECT_NEAR(
        static_cast<double>(quick.tensor_bytes) / static_cast<double>(whole.tensor_bytes), 1, 0.2);
  }
}

std::string name_of(testing::TestParamInfo<RolledOut> const& instance) {
  return instance.param.name;
}

std::vector<RolledOut> large() {
  testing_rollout::Box3d const box{.cells = {16, 16, 32}, .frames = 6};
  return {{"fno", testing_rollout::kFno, box},
          {"morph",
           "{filters: 8, dim: 16, heads: 2, depth: 1, mlp_dim: 16, heads_xa: 4, patch: [4, 4, 4], "
           "history: 2, max_patches: 128}",
           box}};
}

INSTANTIATE_TEST_SUITE_P(Large, RehearsedRollout, testing::ValuesIn(large()), name_of);
INSTANTIATE_TEST_SUITE_P(Large, QuicklyRehearsedRollout, testing::ValuesIn(large()), name_of);
INSTANTIATE_TEST_SUITE_P(
    Small,
    RehearsedRollout,
    testing::Values(
        RolledOut{"ifno", testing_rollout::kFno},
        // As many samples on each rank: one of so few cells LibTorch convolves another way, which
        // holds more than two.
        RolledOut{"unet",
                  "{patch: [2, 2, 2], features: 4, blocks_per_stage: 1, history: 2}",
                  {.cells = {8, 8, 16}, .trajectories = 4, .frames = 6}},
        RolledOut{"ifactformer", "{dim: 16, heads: 2, dim_head: 4, n_layer: 2, history: 2}"},
        RolledOut{"ifactformer_o",
                  "{variant: o, dim: 16, heads: 2, dim_head: 4, n_layer: 2, history: 2}"},
        RolledOut{"gphyt",
                  "{hidden_dim: 24, mlp_dim: 32, num_heads: 4, num_layers: 2, patch: [1, 4, 4], "
                  "history: 2}",
                  {.cells = {1, 32, 32}, .frames = 6}},
        RolledOut{"climax",
                  "{variables: [], dim: 16, heads: 4, depth: 2, decoder_depth: 0, patch: [1, 4, "
                  "4]}",
                  {.cells = {1, 32, 32}, .frames = 6, .history = 1}}),
    name_of);

}  // namespace
}  // namespace eddyline
