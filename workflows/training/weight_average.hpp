#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "workflows/training/adamw.hpp"

namespace eddyline {

/// `train.ema`: an exponential moving average of the weights.
struct AverageConfig {
  double decay = 0;
  bool warmup = true;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("decay",
      decay,
      "what the average keeps of itself in an optimiser step, 0.999 or so; 0: none is kept. "
      "Validation and the checkpoint's model are then the average; rollout and evaluate take the "
      "plain weights with weights=plain");
    v("warmup",
      warmup,
      "begin with the smaller decay (1 + step) / (10 + step), so that fresh weights are soon "
      "forgotten");
  }
};

/// The average ā of the trained weights w, after each optimiser step ā ← d ā + (1 − d) w. It begins
/// with the weights that training begins with. Frozen parameters are their own average. All ranks
/// hold the same weights, so they hold the same average without a message.
/// Source: Polyak & Juditsky 1992, SIAM J. Control Optim. 30; the warm-up is TensorFlow's
/// ExponentialMovingAverage with num_updates.
class WeightAverage {
 public:
  /// \param after_swap  what else the network needs when the parameters have other values: with
  ///                    train.adapt the parameters are A and B, whose weights are computed anew.
  ///                    The average is one of A and of B, not of B A, so that it is an adapter too
  WeightAverage(
      std::vector<TrainedParameter> const& parameters,
      AverageConfig const& config,
      std::function<void()> after_swap = [] {});

  bool is_on() const { return decay_ > 0; }
  /// Follows the weights after optimiser step `step`, counted from 0.
  void follow(int64_t step);
  /// Puts the average where the weights are and the weights where the average was.
  void swap();
  /// What is not in the network now, as "<parameter>"; host copies.
  std::map<std::string, at::Tensor> save() const;
  /// The way back. \throw Error  naming a parameter that is missing, too much or of another shape
  void load(std::map<std::string, at::Tensor> const& weights);

 private:
  double decay_at(int64_t step) const;

  double decay_;
  bool warmup_;
  std::function<void()> after_swap_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> values_;    ///< of the network
  std::vector<at::Tensor> averages_;  ///< empty if off
};

/// While it lives the network holds the averaged weights, if they are kept.
class Averaged {
 public:
  explicit Averaged(WeightAverage& average) : average_(average) { average_.swap(); }
  ~Averaged() { average_.swap(); }
  Averaged(Averaged const&) = delete;
  Averaged& operator=(Averaged const&) = delete;

 private:
  WeightAverage& average_;
};

}  // namespace eddyline
