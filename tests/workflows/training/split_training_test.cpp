// Training on samples that are split in space gives what whole samples give.
#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/message_of.hpp"
#include "tests/places.hpp"
#include "tests/surrogates/split_sample.hpp"
#include "tests/workflows/tiny_data.hpp"
#include "workflows/training/train_job.hpp"
#include "workflows/training/training_data.hpp"
#include "workflows/training/validation.hpp"
#include "workflows/training/weight_average.hpp"

namespace eddyline {
namespace {

constexpr int64_t kSteps = 20;
/// Float32 round-off of the first step grows over the others.
constexpr double kGrownRoundOff = 1e-4;

struct Setting {
  std::string name, surrogate, model;
  std::string train = "";
  std::string data = "";
  int64_t token = 1;  ///< numbers that travel for each cell where every cell is a token
  int64_t batch = 4;
};

std::ostream& operator<<(std::ostream& out, Setting const& setting) {
  return out << setting.name;
}

/// A training of some steps on the mesh's ranks.
class Training {
 public:
  /// \param more  keys of `train`, instead of the setting's batch
  Training(Setting const& setting,
           Communicator const& ranks,
           Parts parts,
           std::string const& more = "")
      : config_(parse_config<TrainJobConfig>(
            concat("data: {path: ",
                   source_file("tests/fixtures/formats/well/active_matter_mini"),
                   ", fields: [concentration, velocity], splits: {by: trajectories, fractions: "
                   "[0.67, 0.33, 0.0]}",
                   setting.data,
                   "}\ntrain: {seed: 0",
                   more.empty() ? concat(", batch: ", setting.batch) : more,
                   setting.train,
                   "}\n"),
            "test.yaml")),
        mesh_(std::make_shared<Mesh>(ranks, parts)),
        data_(data_parts(config_.data),
              config_.train,
              surrogate_entry(setting.surrogate).make(setting.model, sample_spec(), 1)->patch(),
              mesh_) {
    data_.settle_statistics(nullptr, ranks);
    sources_ = std::make_unique<TrainingSources>(data_, config_.train, at::kCPU, mesh_->data());
    auto const& entry = surrogate_entry(setting.surrogate);
    auto const network = entry.make(setting.model, data_.spec(entry), 1);
    auto const& spec = *data_.sets()[0].train->batch_spec();
    learner_ = std::make_unique<LearningStep>(network,
                                              TargetRule{},
                                              Loss(config_.train.loss, spec.output_grid, at::kCPU),
                                              config_.train,
                                              ranks);
    average_ =
        std::make_unique<WeightAverage>(learner_->optimiser().parameters(), config_.train.ema);
    ranks_ = &ranks;
  }

  /// The losses of the steps.
  std::vector<double> run(int64_t steps = kSteps) {
    std::vector<double> losses;
    auto& source = sources_->train();
    auto const batches = config_.train.accumulate;
    int64_t in_epoch = source.batches(), epoch = 0;
    for (int64_t step = 0; step < steps; ++step) {
      if (in_epoch + batches > source.batches()) {
        source.start(epoch++, 0);
        in_epoch = 0;
      }
      StepOrder order{.step = step, .batches = batches, .samples = 0, .learning_rate = 1e-3};
      for (int64_t b = 0; b < batches; ++b) {
        order.samples += source.samples(in_epoch++);
      }
      auto const result = learner_->take(source, order);
      average_->follow(step);
      losses.push_back(ranks_->all_reduce(result.loss.item<double>()));
    }
    return losses;
  }
  /// All weights, or their averages, in one row.
  at::Tensor weights() {
    std::vector<at::Tensor> rows;
    for (auto const& parameter : learner_->optimiser().parameters()) {
      rows.push_back(parameter.value.detach().flatten());
    }
    return at::cat(rows);
  }
  at::Tensor averages() {
    Averaged const averaged(*average_);
    return weights();
  }
  ValidationResult validate() {
    return eddyline::validate(*learner_, *sources_->valid()[0].source, 0, *ranks_);
  }
  NamedTensors parameters() {
    NamedTensors named;
    for (auto const& item : learner_->surrogate().named_parameters()) {
      named[item.key()] = item.value().detach();
    }
    return named;
  }
  TrainingSet const& set() const { return data_.sets()[0]; }
  Mesh const& mesh() const { return *mesh_; }

 private:
  SurrogateSpec sample_spec() const {
    Dataset const data(config_.data, Split::train, {}, {1, 1, 1}, mesh_->world());
    return surrogate_spec(*data.batch_spec());
  }

  TrainJobConfig config_;
  std::shared_ptr<Mesh const> mesh_;
  TrainingData data_;
  std::unique_ptr<TrainingSources> sources_;
  std::unique_ptr<LearningStep> learner_;
  std::unique_ptr<WeightAverage> average_;
  Communicator const* ranks_ = nullptr;
};

std::vector<Parts> splits_of(Communicator const& world) {
  // On four ranks also two samples at once, each on two.
  return world.size() == 2 ? std::vector<Parts>{{1, 1, 2}, {1, 2, 1}}
                           : std::vector<Parts>{{1, 2, 2}, {1, 1, 2}};
}

double relative(double a, double b) {
  return std::abs(a - b) / std::max(std::abs(b), 1e-12);
}

void expect_no_message_as_large_as_a_field(Training const& split, Setting const& setting) {
  auto const samples = setting.batch / split.mesh().data().size();
  auto const cells = Box{.size = split.set().train->batch_spec()->input_grid.shape()}.cells();
  auto const field = samples * cells * setting.token * static_cast<int64_t>(sizeof(float));
  auto const messages = largest_messages(split.mesh());
  EXPECT_FALSE(messages.empty());
  for (auto const& [kind, largest] : messages) {
    EXPECT_TRUE(kind == "halo" || largest < field) << kind << ": " << largest << " of " << field;
  }
}

at::Tensor doubles(std::vector<double> const& values) {
  return at::tensor(values, at::kDouble);
}

/// Losses, scores and weights of whole samples and of split ones, which send no whole field. Halos
/// are left out: split_test.cpp bounds them on grids of which a layer of cells with all filters is
/// a small part.
void expect_same_training(Setting const& setting, int64_t steps = kSteps) {
  auto const world = Communicator::world();
  auto const whole = made_by_first(world, [&] {
    auto const self = Communicator::self();
    Training training(setting, self, {1, 1, 1});
    auto const losses = training.run(steps);
    EXPECT_LT(losses.back(), losses.front());
    auto const scores = training.validate();
    auto made = training.parameters();
    made[" losses"] = doubles(losses);  // no parameter has a blank in its name
    made[" scores"] = doubles({scores.loss, scores.model_mean, scores.persistence_mean});
    return made;
  });
  auto const score = [&](int64_t i) { return whole.at(" scores")[i].item<double>(); };
  for (auto const parts : splits_of(world)) {
    SCOPED_TRACE(concat(parts[0], " ", parts[1], " ", parts[2]));
    Training split(setting, world, parts);
    auto const losses = split.run(steps);
    for (int64_t i = 0; i < steps; ++i) {
      EXPECT_LT(relative(losses[static_cast<size_t>(i)], whole.at(" losses")[i].item<double>()),
                kGrownRoundOff)
          << "step " << i;
    }
    auto const own = split.validate();
    EXPECT_LT(relative(own.loss, score(0)), kGrownRoundOff);
    EXPECT_LT(relative(own.model_mean, score(1)), kGrownRoundOff);
    EXPECT_LT(relative(own.persistence_mean, score(2)), 1e-6);
    for (auto const& [name, values] : split.parameters()) {
      auto const difference = (values - whole.at(name)).abs().max().item<double>();
      EXPECT_LT(difference, 2e-3) << name;  // of AdamW's 20 steps of 1e-3 each
    }
    expect_no_message_as_large_as_a_field(split, setting);
  }
}

class SplitTraining : public testing::TestWithParam<Setting> {
 protected:
  std::vector<Parts> splits() const { return splits_of(world_); }
  Communicator world_ = Communicator::world();
  Communicator self_ = Communicator::self();
};

TEST_P(SplitTraining, FollowsTheLossesAndWeightsOfWholeSamplesAndSendsNoneOnManyRanks) {
  expect_same_training(GetParam());
}

// Epsilon is far above the gradients that are round-off, which AdamW would else scale up to others.
TEST_P(SplitTraining, AccumulatesBatchesAndAveragesWeightsAsOneRankOnManyRanks) {
  constexpr int64_t kFewSteps = 4;
  constexpr auto* kMore =
      ", batch: 2, accumulate: 2, ema: {decay: 0.6, warmup: false}, adamw: {epsilon: 0.01}";
  auto const whole = made_by_first(world_, [&] {
    Training training(GetParam(), self_, {1, 1, 1}, kMore);
    auto const first = training.weights().clone();
    auto const losses = training.run(kFewSteps);
    return NamedTensors{{"first", first},
                        {"losses", doubles(losses)},
                        {"weights", training.weights()},
                        {"averages", training.averages()}};
  });
  auto const &weights = whole.at("weights"), &averages = whole.at("averages");
  auto const moved = (weights - whole.at("first")).norm().item<double>();
  EXPECT_GT((averages - weights).norm().item<double>(), 0.1 * moved);
  for (auto const parts : splits()) {
    SCOPED_TRACE(concat(parts[0], " ", parts[1], " ", parts[2]));
    Training split(GetParam(), world_, parts, kMore);
    auto const losses = split.run(kFewSteps);
    for (int64_t i = 0; i < kFewSteps; ++i) {
      EXPECT_LT(relative(losses[static_cast<size_t>(i)], whole.at("losses")[i].item<double>()),
                kGrownRoundOff)
          << "step " << i;
    }
    EXPECT_LT((split.weights() - weights).norm().item<double>(), kGrownRoundOff * moved);
    EXPECT_LT((split.averages() - averages).norm().item<double>(), kGrownRoundOff * moved);
  }
}

INSTANTIATE_TEST_SUITE_P(
    ,
    SplitTraining,
    testing::Values(
        Setting{.name = "fno",
                .surrogate = "fno",
                .model = "{modes: [1, 3, 3], width: 6, layers: 2, projection: 8, history: 1}",
                .train = ", noise: 0.1",
                .data = ", flips: [x, y]"},
        Setting{.name = "ifno",
                .surrogate = "ifno",
                .model = "{modes: [1, 3, 3], width: 6, layers: 2, projection: 8, history: 1}"},
        Setting{.name = "ifactformer",
                .surrogate = "ifactformer",
                .model = "{dim: 12, heads: 2, dim_head: 4, n_layer: 2, history: 1, extent: [1, 1, "
                         "1]}",
                .train = ", activations: recompute, loss: {kind: relative_l2, space: physical}",
                .token = 12,
                .batch = 2},
        Setting{.name = "ifactformer_o",
                .surrogate = "ifactformer",
                .model = "{variant: o, dim: 12, heads: 2, dim_head: 4, n_layer: 2, history: 1, "
                         "extent: [1, 1, 1]}",
                .token = 12,
                .batch = 2},
        Setting{.name = "morph",
                .surrogate = "morph",
                .model = "{dim: 32, heads: 2, depth: 2, mlp_dim: 48, heads_xa: 4, filters: 8, "
                         "patch: [4, 4, 4], max_patches: 16, dropout: 0.1}",
                .train = ", loss: {kind: vmse}",
                .data = ", normalisation: window"},
        Setting{.name = "gphyt",
                .surrogate = "gphyt",
                .model = "{hidden_dim: 24, mlp_dim: 32, num_heads: 4, num_layers: 2, patch: [1, 4, "
                         "4], history: 1, dropout: 0.1}"},
        Setting{.name = "climax",
                .surrogate = "climax",
                .model = "{variables: [], dim: 16, heads: 4, depth: 2, decoder_depth: 0, patch: "
                         "[1, 4, 4]}"},
        Setting{.name = "unet",
                .surrogate = "unet",
                .model = "{patch: [1, 4, 4], features: 4, blocks_per_stage: 1, history: 1}"}),
    [](auto const& instance) { return instance.param.name; });

TEST(SplitPaddedTraining, FollowsTheLossesAndWeightsOfWholeSamplesOnManyRanks) {
  // The second step of a forecast begins with added cells that are made anew. Eight steps show it;
  // twenty are those of SplitTraining.
  expect_same_training(
      {.name = "padded",
       .surrogate = "morph",
       .model = "{dim: 32, heads: 2, depth: 2, mlp_dim: 48, heads_xa: 4, filters: 8, "
                "patch: [4, 5, 7], max_patches: 64}",
       .train = ", unroll: {steps: 2}",
       .data = ", fit: pad"},
      8);
}

TEST_P(SplitTraining, ReadsEachCellOnOneRankForTheStatisticsOfWholeSamplesOnManyRanks) {
  Training whole(GetParam(), self_, {1, 1, 1});
  Training split(GetParam(), world_, splits()[0]);
  auto const& spec = *split.set().train->batch_spec();
  auto const all = spec.input_grid.shape();
  auto const& own = split.set().train->block().box;
  EXPECT_EQ(Box{.size = all}.cells(), own.cells() * split.mesh().domain().size());
  auto const before = split.set().train->bytes_read();
  auto const before_whole = whole.set().train->bytes_read();
  (void)split.set().train->read({0, 0, 2, 1});
  (void)whole.set().train->read({0, 0, 2, 1});
  EXPECT_EQ((split.set().train->bytes_read() - before) * split.mesh().domain().size(),
            whole.set().train->bytes_read() - before_whole);
  auto const& expected = whole.set().statistics;
  auto const& got = split.set().statistics;
  ASSERT_EQ(got.count, expected.count);
  for (size_t c = 0; c < expected.mean.size(); ++c) {
    EXPECT_LT(relative(got.std[c], expected.std[c]), 1e-12);
    EXPECT_LT(relative(got.std_delta[c], expected.std_delta[c]), 1e-12);
    EXPECT_NEAR(got.mean[c], expected.mean[c], 1e-12 * expected.rms[c]);
  }
}

TEST(SplitData, NamesTheSplitsThatThePatchAllowsOnManyRanks) {
  auto const world = Communicator::world();
  auto const mesh = std::make_shared<Mesh>(world, Parts{1, 1, 2});
  DataConfig config;
  config.path = source_file("tests/fixtures/formats/well/active_matter_mini");
  auto const open = [&](std::array<int64_t, 3> patch) {
    Dataset(config, Split::all, {}, patch, mesh);
  };
  config.fit = FitMode::crop;
  EXPECT_THAT(message_of<Error>([&] {
                open({1, 1, 16});
              }),
              testing::HasSubstr("cannot be split over 2 ranks; allowed: 1"));
}

TEST(SplitTrainingJob, RefusesNetworksThatWorkOnWholeSamplesOnManyRanks) {
  auto const world = Communicator::world();
  auto const config = parse_config<TrainJobConfig>(
      "model: {surrogate: script, file: net.pt, history: 1}\nparallel: {domain: [1, 1, 2]}\n"
      "run: {name: never_made}\n",
      "test.yaml");
  EXPECT_THAT(message_of<Error>([&] { train(config, Existing::overwrite, {}, world); }),
              testing::AllOf(testing::HasSubstr("parallel.domain splits samples, which the network "
                                                "'script' cannot work on; those that can are"),
                             testing::HasSubstr("ifactformer"),
                             testing::HasSubstr("morph")));
}

}  // namespace
}  // namespace eddyline
