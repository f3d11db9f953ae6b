#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "workflows/training/optimiser_shards.hpp"

namespace eddyline {

/// Constants of AdamW; the defaults are PyTorch's.
struct AdamWConfig {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("beta1", beta1, "decay of the mean of gradients");
    v("beta2", beta2, "decay of the mean of squared gradients");
    v("epsilon", epsilon, "added to the root of the second moment");
    v("weight_decay", weight_decay, "decoupled decay of weights, times the learning rate");
  }
};

/// One tensor that is trained, and its group's settings.
struct TrainedParameter {
  std::string name;
  at::Tensor value;                ///< a leaf that requires a gradient
  double learning_rate_scale = 1;  ///< times the schedule's rate
  double weight_decay = 0.01;
};

/// AdamW with decoupled weight decay and bias correction; equals PyTorch's to round-off.
/// A parameter without gradient in a step is skipped altogether: no decay, no moments, no step
/// count. Nothing is read back from the device. Source: Loshchilov & Hutter 2019, "Decoupled weight
/// decay regularization", algorithm 2.
class AdamW {
 public:
  /// \param shards  of the parameters' values, if each rank keeps the moments of a part of them;
  ///                null: this rank keeps all
  AdamW(std::vector<TrainedParameter> parameters,
        AdamWConfig const& config,
        std::unique_ptr<OptimiserShards> shards = nullptr);

  /// One update from the gradients that are there. Collective if the moments are shared out.
  void step(double learning_rate);
  /// Makes every gradient None.
  void clear_gradients();
  /// Gradients that are there, in parameter order.
  std::vector<at::Tensor> gradients() const;
  std::vector<TrainedParameter> const& parameters() const { return parameters_; }

  /// "<parameter>/exp_avg", "<parameter>/exp_avg_sq" and "<parameter>/step" (0-dim) of every
  /// parameter that has ever had a gradient; host copies, whole. If the moments are shared out it
  /// is collective, and rank 0 alone gets them.
  std::map<std::string, at::Tensor> save() const;
  /// Replaces the whole state by one that save() gave on any number of ranks, shared out or not.
  /// \throw Error  naming an unknown parameter or an unfitting shape
  void load(std::map<std::string, at::Tensor> const& state);

 private:
  struct Moments {
    at::Tensor exp_avg;  ///< of what this rank updates; undefined until the first gradient
    at::Tensor exp_avg_sq;
    at::Tensor step;  ///< 0-dim float32
  };
  /// What this rank updates of a tensor like parameter i.
  at::Tensor own(size_t i, at::Tensor const& whole) const;
  /// Whole moments of all parameters on the host: a collective if they are shared out.
  std::vector<at::Tensor> whole(at::Tensor Moments::*moment) const;

  AdamWConfig config_;
  std::unique_ptr<OptimiserShards> shards_;
  std::vector<TrainedParameter> parameters_;
  std::vector<Moments> moments_;
};

}  // namespace eddyline
