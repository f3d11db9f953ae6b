// Trainings on samples that are split in space, and what they come to.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/made_by_first.hpp"
#include "tests/places.hpp"
#include "tests/surrogates/split_comparison.hpp"
#include "workflows/training/train_job.hpp"
#include "workflows/training/training_data.hpp"
#include "workflows/training/validation.hpp"
#include "workflows/training/weight_average.hpp"

namespace eddyline {

inline constexpr int64_t kSteps = 20;
/// Float32 round-off of the first step grows over the others.
inline constexpr double kGrownRoundOff = 1e-4;

struct Setting {
  std::string name, surrogate, model;
  std::string train = "";
  std::string data = "";
  int64_t token = 1;  ///< numbers that travel for each cell where every cell is a token
  int64_t batch = 4;
  std::string box = "";  ///< the model for samples in three dimensions; empty: it takes none
  std::array<int64_t, 3> box_cells = {5, 7, 9};  ///< of them, uneven on every axis
  /// What the data are.
  std::string source = concat("path: ",
                              source_file("tests/fixtures/formats/well/active_matter_mini"),
                              ", fields: [concentration, velocity]");
};

inline std::ostream& operator<<(std::ostream& out, Setting const& setting) {
  return out << setting.name;
}

/// A training of some steps on the mesh's ranks. AdamW's epsilon is far above the gradients that
/// are round-off (of biases before a norm), which it would else scale up to others.
class Training {
 public:
  /// \param more  keys of `train`, instead of the setting's batch and epsilon
  Training(Setting const& setting,
           Communicator const& ranks,
           Parts parts,
           std::string const& more = "")
      : config_(parse_config<TrainJobConfig>(
            concat("data: {",
                   setting.source,
                   ", splits: {by: trajectories, fractions: [0.67, 0.33, 0.0]}",
                   setting.data,
                   "}\ntrain: {seed: 0",
                   more.empty() ? concat(", batch: ", setting.batch, ", adamw: {epsilon: 1e-4}")
                                : more,
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
  /// Loss and scores of validation.
  std::vector<double> validate() {
    auto const result = eddyline::validate(*learner_, *sources_->valid()[0].source, 0, *ranks_);
    return {result.loss, result.model_mean, result.persistence_mean};
  }
  /// The first batch of validation one step on: all its samples and cells, on every rank.
  at::Tensor forecast() {
    at::NoGradGuard const no_grad;
    learner_->surrogate().eval();
    auto& source = *sources_->valid()[0].source;
    source.start(0, 0);
    auto const batch = source.next().value();
    auto const own = learner_->predict(batch, learner_->context(0), 1);
    auto const cells = batch.spec->output_grid.shape();
    auto const all =
        at::zeros({batch.global_size, 1, own.size(2), cells[0], cells[1], cells[2]}, at::kDouble);
    auto const& data = mesh_->data();
    auto const first = batch.global_size * data.rank() / data.size();
    auto block = all.narrow(0, first, own.size(0));
    for (size_t a = 0; a < 3; ++a) {
      auto const& box = set().valid->block().box;
      block = block.narrow(static_cast<int64_t>(a) + 3, box.first[a], box.size[a]);
    }
    block.copy_(own);
    ranks_->all_reduce({all.data_ptr<double>(), static_cast<size_t>(all.numel())});
    return all;
  }
  Surrogate& network() { return learner_->surrogate(); }
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

inline double relative(double a, double b) {
  return std::abs(a - b) / std::max(std::abs(b), 1e-12);
}

/// Halos are left out: split_test.cpp bounds them on grids of which a layer of cells with all
/// filters is a small part.
inline void expect_no_message_as_large_as_a_field(Training const& split, Setting const& setting) {
  auto const samples = setting.batch / split.mesh().data().size();
  auto const cells = Box{.size = split.set().train->batch_spec()->input_grid.shape()}.cells();
  auto const field = samples * cells * setting.token * static_cast<int64_t>(sizeof(float));
  auto const messages = largest_messages(split.mesh());
  EXPECT_FALSE(messages.empty());
  for (auto const& [kind, largest] : messages) {
    EXPECT_TRUE(kind == "halo" || largest < field) << kind << ": " << largest << " of " << field;
  }
}

inline at::Tensor doubles(std::vector<double> const& values) {
  return at::tensor(values, at::kDouble);
}

/// What a training comes to, in rows.
struct Trained {
  at::Tensor losses, scores, forecast, weights;
};

inline Trained trained(Training& training, int64_t steps) {
  auto const losses = doubles(training.run(steps));
  return {.losses = losses,
          .scores = doubles(training.validate()),
          .forecast = training.forecast().flatten(),
          .weights = training.weights().to(at::kDouble)};
}

/// Of whole samples, on one rank for all.
inline Trained trained_whole(Setting const& setting, int64_t steps, Communicator const& world) {
  auto const made = made_by_first(world, [&] {
    auto const self = Communicator::self();
    Training training(setting, self, {1, 1, 1});
    auto const whole = trained(training, steps);
    return NamedTensors{{"losses", whole.losses},
                        {"scores", whole.scores},
                        {"forecast", whole.forecast},
                        {"weights", whole.weights}};
  });
  return {.losses = made.at("losses"),
          .scores = made.at("scores"),
          .forecast = made.at("forecast"),
          .weights = made.at("weights")};
}

/// Losses, scores, forecasts and weights are those of whole samples; of the weights, what is left
/// of 20 steps of 1e-3 each.
inline void expect_near(Trained const& split, Trained const& whole, double rounding) {
  EXPECT_LT(((split.losses - whole.losses) / whole.losses).abs().max().item<double>(), rounding);
  EXPECT_LT(((split.scores - whole.scores) / whole.scores).abs().max().item<double>(), rounding);
  EXPECT_LT(relative(split.scores[2].item<double>(), whole.scores[2].item<double>()), 1e-6)
      << "persistence, which has learned nothing";
  EXPECT_LT(relative(split.forecast, whole.forecast), rounding);
  EXPECT_LT((split.weights - whole.weights).abs().max().item<double>(),
            rounding * 1e-3 * static_cast<double>(whole.losses.numel()));
}

inline void expect_same_training(Setting const& setting,
                                 std::vector<Parts> const& splits,
                                 int64_t steps = kSteps) {
  auto const world = Communicator::world();
  auto const whole = trained_whole(setting, steps, world);
  EXPECT_LT(whole.losses[-1].item<double>(), whole.losses[0].item<double>());
  for (auto const parts : splits) {
    SCOPED_TRACE(text_of(parts));
    Training split(setting, world, parts);
    expect_near(trained(split, steps), whole, kGrownRoundOff);
    if (setting.token > 0) {
      expect_no_message_as_large_as_a_field(split, setting);
    }
  }
}

}  // namespace eddyline
