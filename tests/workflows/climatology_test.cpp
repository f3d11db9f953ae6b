// What ClimaX's folder of shards publishes as usual, in the scores of a network that was trained on
// it.
#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/config.hpp"
#include "data/formats/npz_file.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/places.hpp"
#include "workflows/evaluation/run_evaluate.hpp"
#include "workflows/metrics/climax_scores.hpp"
#include "workflows/training/train_job.hpp"

namespace eddyline {
namespace {

std::filesystem::path shards() {
  return fixtures_folder() / "climax/shards_mini";  // 3 × 9 records, six-hourly, train only
}

constexpr char const* kJob = R"(
data: {format: climax, map: {hours: 6}, fields: [t2m, z_500], pooling: channel}
model: {surrogate: climax, variables: [], patch: [1, 2, 2], dim: 8, depth: 1, decoder_depth: 0, heads: 2, dropout: 0,
        drop_path: 0}
train: {batch: 4, steps: 2, schedule: {kind: constant, peak: 1.0e-3}, validate: {every_epochs: 0}}
run: {device: cpu, name: run}
)";

/// A network of two training steps, the same for all ranks.
class PublishedClimatology : public testing::Test {
 protected:
  PublishedClimatology() {
    auto config = parse_config<TrainJobConfig>(kJob, "test");
    config.data.path = shards().string();
    config.run.folder = folder_.path().string();
    EXPECT_EQ(train(config, Existing::overwrite, {}, world_), 0);
  }
  EvaluateConfig evaluation(ClimatologyFrom climatology) const {
    EvaluateConfig config;
    config.model = (folder_ / "run/checkpoints/last.h5").string();
    config.device = DeviceKind::cpu;
    config.split = Split::train;
    config.horizon = 0;
    config.metrics = {"rmse.unweighted", "acc.climax"};
    config.table = "acc.climax";
    config.baselines = {BaselineKind::persistence, BaselineKind::climatology};
    config.climatology = climatology;
    return config;
  }
  Scores scores(ClimatologyFrom climatology) const {
    return run_evaluate(evaluation(climatology), Existing::overwrite, world_).one_step;
  }

  Communicator const world_ = Communicator::world();
  SharedFolder const folder_{world_};
};

/// A variable of all shards: (9, 1, H, W) of each.
std::vector<at::Tensor> records(std::string const& variable) {
  std::vector<at::Tensor> all;
  for (auto const* name : {"1979_0.npz", "1979_1.npz", "1979_2.npz"}) {
    NpzFile file(shards() / "train" / name);
    all.push_back(at::tensor(read_whole(file.array(variable)), at::kDouble).view({9, 1, 4, 8}));
  }
  return all;
}

TEST_F(PublishedClimatology, IsTheBaselineAndWhatAnomaliesAreCountedFrom) {
  auto const result = scores(ClimatologyFrom::published);
  ASSERT_EQ(result.samples, 3 * 8);
  NpzFile file(shards() / "train/climatology.npz");
  auto const weights = cosine_weights({-67.5, -22.5, 22.5, 67.5});
  std::vector<std::string> const variables = {"2m_temperature", "geopotential_500"};
  for (size_t c = 0; c < variables.size(); ++c) {
    auto const usual =
        at::tensor(read_whole(file.array(variables[c])), at::kDouble).view({1, 4, 8});
    std::vector<at::Tensor> before, after;
    for (auto const& shard : records(variables[c])) {
      before.push_back(shard.narrow(0, 0, 8));
      after.push_back(shard.narrow(0, 1, 8));
    }
    auto const p = at::cat(before), y = at::cat(after);
    auto const rmse = (usual - y).square().mean().sqrt().item<double>();
    // The maps are kept in float32.
    EXPECT_NEAR(result.columns.at("rmse.unweighted").at("climatology")[0].channels[c],
                rmse,
                1e-6 * usual.abs().max().item<double>());
    auto const acc = anomaly_correlation(p, y, usual, weights).item<double>();
    EXPECT_NEAR(result.columns.at("acc.climax").at("persistence")[0].channels[c], acc, 1e-4);
    EXPECT_TRUE(std::isfinite(result.columns.at("acc.climax").at("model")[0].channels[c]));
  }
}

TEST_F(PublishedClimatology, IsNotWhatIsComputedFromTheTrainingPartByHourOfDay) {
  auto const published = scores(ClimatologyFrom::published);
  auto const computed = scores(ClimatologyFrom::computed);
  EXPECT_GT(std::abs(published.columns.at("rmse.unweighted").at("climatology")[0].channels[0] -
                     computed.columns.at("rmse.unweighted").at("climatology")[0].channels[0]),
            1e-3);
}

}  // namespace
}  // namespace eddyline
