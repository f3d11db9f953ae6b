#include "workflows/training/training_rehearsal.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/memory_count.hpp"
#include "core/process_group.hpp"
#include "tests/places.hpp"
#include "tests/workflows/tiny_data.hpp"

namespace eddyline {
namespace {

using Parts = std::array<int, 3>;

constexpr auto* kBox = "box3d_mini, fields: [density, velocity]";
constexpr auto* kPlane = "active_matter_mini, fields: [concentration, velocity]";

struct PlannedCase {
  std::string name, model, more;
  std::string data = kBox;  ///< one of the Well's, and its fields
};

class Rehearsed : public testing::TestWithParam<PlannedCase> {
 protected:
  TrainJobConfig config(int64_t steps, Parts domain) const {
    return parse_config<TrainJobConfig>(
        concat("data: {path: ",
               source_file("tests/fixtures/formats/well/"),
               GetParam().data,
               ", splits: {by: trajectories, fractions: [1, 0, 0]}}\nmodel: {surrogate: ",
               GetParam().name.substr(0, GetParam().name.find('_')),
               ", history: 1, ",
               GetParam().model,
               "}\ntrain: {batch: 4, steps: ",
               steps,
               ", ema: {decay: 0.9}, checkpoint: {every_epochs: 0}",
               GetParam().more,
               "}\nparallel: {shard_optimizer: true, domain: [",
               domain[0],
               ", ",
               domain[1],
               ", ",
               domain[2],
               "]}\nrun: {device: cpu, threads: 1, name: steps",
               steps,
               ", folder: ",
               (folder_.path() / "runs").string(),
               "}\n"),
        "test.yaml");
  }

  /// Bytes that the run of a rank sends.
  std::map<std::string, int64_t> traffic_of(TrainJobConfig const& run) const {
    auto const before = traffic_of_process();
    train(run, Existing::overwrite, {}, world_);
    std::map<std::string, int64_t> sent;
    for (auto const& [kind, count] : traffic_of_process()) {
      sent[kind] = count.sent - (before.contains(kind) ? before.at(kind).sent : 0);
    }
    return sent;
  }

  std::vector<Parts> domains() const {
    switch (world_.size()) {
      case 2:
        return {{1, 1, 2}, {1, 2, 1}, {1, 1, 1}};
      case 4:
        return {{1, 2, 2}, {1, 1, 2}};
      default:
        return {{1, 1, 1}};
    }
  }
  Communicator world_ = Communicator::world();
  tiny::Folder folder_{world_};
};

TEST_P(Rehearsed, SendsTheBytesOfARunToTheLastAndHoldsItsMemoryWithinAFifth) {
  for (auto const domain : domains()) {
    SCOPED_TRACE(concat(domain[0], " ", domain[1], " ", domain[2]));
    // What is not of steps (statistics, the last checkpoint) is the same in both.
    auto const one = traffic_of(config(1, domain));
    std::map<std::string, int64_t> two;
    auto const peak = allocator_peak([&] { two = traffic_of(config(2, domain)); });
    auto const needs = TrainingRehearsal(config(2, domain))
                           .needs({.ranks = world_.size(), .domain = domain})
                           .value();
    for (auto const& [kind, all] : two) {
      auto const step = all - (one.contains(kind) ? one.at(kind) : 0);
      auto const found = needs.sent.find(kind);
      EXPECT_EQ(found == needs.sent.end() ? 0 : found->second,
                world_.all_reduce(step, Reduction::max))
          << kind;
    }
    EXPECT_EQ(needs.sent.empty(), world_.size() == 1);
    auto const measured = static_cast<double>(world_.all_reduce(peak, Reduction::max));
    EXPECT_NEAR(static_cast<double>(needs.tensor_bytes) / measured, 1, 0.2);
  }
}

INSTANTIATE_TEST_SUITE_P(
    ,
    Rehearsed,
    testing::Values(
        PlannedCase{"fno", "modes: [2, 2, 2], width: 24, layers: 4", ""},
        PlannedCase{"morph",
                    "dim: 32, heads: 2, depth: 4, mlp_dim: 96, heads_xa: 4, filters: "
                    "8, patch: [2, 2, 2], max_patches: 512",
                    ", accumulate: 2"},
        PlannedCase{
            "unet", "patch: [2, 2, 4], features: 4, blocks_per_stage: 1", ", unroll: {steps: 2}"},
        PlannedCase{"ifno", "modes: [2, 2, 2], width: 24, layers: 4", ""},
        PlannedCase{"ifactformer", "dim: 24, heads: 2, dim_head: 8, n_layer: 2", ""},
        PlannedCase{"ifactformer_o", "variant: o, dim: 24, heads: 2, dim_head: 8, n_layer: 2", ""},
        PlannedCase{"gphyt",
                    "hidden_dim: 64, mlp_dim: 128, num_heads: 4, num_layers: 4, patch: "
                    "[1, 2, 2]",
                    "",
                    kPlane},
        PlannedCase{
            "climax", "variables: [], dim: 64, heads: 4, depth: 4, patch: [1, 2, 2]", "", kPlane}),
    [](auto const& instance) { return instance.param.name; });

}  // namespace
}  // namespace eddyline
