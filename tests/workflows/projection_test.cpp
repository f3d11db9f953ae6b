// ClimaX's climate projection: emissions of some years in, temperature of the last of them out.
#include <gmock/gmock.h>

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/config.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "surrogates/stored_model.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/data/formats/climatebench_fixture.hpp"
#include "workflows/evaluation/run_evaluate.hpp"
#include "workflows/rollout/run_rollout.hpp"
#include "workflows/trained_model.hpp"
#include "workflows/training/train_job.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr int64_t kYears = 3;

constexpr char const* kJob = R"(
data:
  fields: [CO2, SO2, tas]
  input_fields: [CO2, SO2]
  target_fields: [tas]
  target_time: same
  map: {historical_years: 2, test_years: 21, valid: [ssp370]}
model: {surrogate: climax, variant: projection, history: 3, variables: [CO2, SO2], patch: [1, 1, 2], dim: 8,
        depth: 1, heads: 2, dropout: 0, drop_path: 0}
train: {batch: 4, steps: 3, schedule: {kind: constant, peak: 1.0e-3}}
run: {device: cpu, name: run}
)";

/// A folder of simulations and a run that was trained on it, the same for all ranks.
class Projection {
 public:
  Projection() {
    world_.together([&] {
      if (world_.is_root()) {
        files_.all();
      }
    });
    auto config = parse_config<TrainJobConfig>(kJob, "test");
    config.data.path = world_.broadcast(files_.folder.path().string());
    config.run.folder = folder_.path().string();
    EXPECT_EQ(train(config, Existing::overwrite, {}, world_), 0);
  }
  ~Projection() { world_.barrier(); }

  EvaluateConfig evaluation() const {
    EvaluateConfig config;
    config.model = (folder_ / "run" / "checkpoints" / "last.h5").string();
    config.device = DeviceKind::cpu;
    config.forecast = Forecast::direct;
    config.horizon = 0;
    config.metrics = {"rmse.unweighted"};
    config.table = "rmse.unweighted";
    config.baselines = {BaselineKind::mean};
    return config;
  }
  std::string refusal(EvaluateConfig const& config) const {
    return message_of([&] { run_evaluate(config, Existing::overwrite, world_); });
  }
  Communicator const& world() const { return world_; }

 private:
  Communicator world_ = Communicator::world();
  ClimateFiles files_;
  SharedFolder folder_{world_};
};

TEST(Projection, IsScoredOnTheYearsOfItsNewestInputs) {
  Projection const projection;
  auto const config = projection.evaluation();
  auto const result = run_evaluate(config, Existing::refuse, projection.world());
  EXPECT_EQ(result.fields, (std::vector<std::string>{"tas"}));
  EXPECT_EQ(result.interval, 0);
  ASSERT_EQ(result.one_step.samples, 21) << "each of the test years once";

  // The same by hand: the network on normalised emissions of three years, its output in kelvin.
  TrainedModel const model(config.model, at::kCPU);
  auto const network = load_model(read_native(config.model));
  network->eval();
  auto const& numbers = model.statistics();
  auto const row = [](std::vector<double> const& values) {
    return at::tensor(values, at::kFloat).view({1, -1, 1, 1, 1});
  };
  auto const data = model.open(model.data_config({}),
                               Split::test,
                               kYears,
                               {},
                               std::make_shared<Mesh>(Communicator::self(), std::array{1, 1, 1}));
  double sum = 0;
  for (int64_t year = 0; year < 21; ++year) {
    auto const frames = data->read({0, year, kYears, 1}).values;  // (T, 3, 1, H, W)
    auto const scaled = (frames - row(numbers.mean)) / row(numbers.std);
    Batch batch{.input = scaled.narrow(1, 0, 2).unsqueeze(0), .spec = data->batch_spec()};
    at::NoGradGuard const no_grad;
    auto const output = network->predict(batch, {})[0][0][0];
    auto const kelvin = output * numbers.std[2] + numbers.mean[2];
    sum += (kelvin - frames[kYears - 1][2]).square().mean().item<double>();
  }
  auto const score = result.one_step.columns.at("rmse.unweighted").at("model")[0].overall;
  EXPECT_NEAR(score, std::sqrt(sum / 21), 1e-5 * score) << "float32 sums in another order";
}

TEST(Projection, HasNoForecastBaselinesNoStepsAndNoRollout) {
  Projection const projection;
  auto config = projection.evaluation();
  config.baselines = {BaselineKind::persistence};
  EXPECT_THAT(projection.refusal(config),
              HasSubstr("the newest frame, which the baselines "
                        "persistence and linear start from, is what "
                        "is predicted"));
  config = projection.evaluation();
  config.horizon = 2;
  EXPECT_THAT(projection.refusal(config), HasSubstr("no step follows another; set horizon=0"));
  RolloutConfig rollout;
  rollout.model = config.model;
  rollout.device = DeviceKind::cpu;
  rollout.forecast = Forecast::direct;
  EXPECT_THAT(message_of([&] { run_rollout(rollout, Existing::refuse, projection.world()); }),
              HasSubstr("nothing is forecast, so there is nothing to roll out"));
}

}  // namespace
}  // namespace eddyline
