#pragma once

#include <ATen/ATen.h>

#include "data/pipeline/normaliser.hpp"
#include "surrogates/surrogate_stepper.hpp"
#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline::testing_evaluation {

/// The normalised newest state plus a number; remembers what it was shown.
class DriftSurrogate final : public Surrogate {
 public:
  explicit DriftSurrogate(double drift, int64_t history = 2) : drift_(drift), history_(history) {}
  at::Tensor predict(Batch const& batch, Context const&) override {
    seen = batch;
    was_training = is_training();
    auto const state = batch.target_norm.mean.size(1);
    return (batch.input.select(1, -1).narrow(1, 0, state) + drift_).unsqueeze(1);
  }
  std::string config() const override { return ""; }
  int64_t history() const override { return history_; }
  std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }

  Batch seen;
  bool was_training = true;

 private:
  double drift_;
  int64_t history_;
};

/// Moments of the three channels of some_fields(), with standard deviations 2, 4, 4.
inline Statistics some_statistics() {
  Statistics statistics;
  statistics.dataset = "memory";
  statistics.channels = {"density", "velocity_x", "velocity_y"};
  statistics.mean = {1, 10, 10};
  statistics.std = {2, 4, 4};
  statistics.rms = {3, 11, 11};
  statistics.mean_delta = {0, 0, 0};
  statistics.std_delta = {1, 1, 1};
  statistics.rms_delta = {1, 1, 1};
  statistics.count = {1, 1, 1};
  statistics.count_delta = {1, 1, 1};
  return statistics;
}

inline SurrogateSetup setup_of(std::shared_ptr<Surrogate> surrogate,
                               Dataset& data,
                               Normalisation kind = Normalisation::dataset) {
  return {.name = "drift",
          .surrogate = std::move(surrogate),
          .normaliser = std::make_shared<Normaliser>(
              kind, Pooling::channel, some_statistics(), *data.batch_spec()),
          .spec = data.batch_spec(),
          .rule = {},
          .fit = data.fit(),
          .missing = data.config().missing,
          .interval = 2};
}

}  // namespace eddyline::testing_evaluation
