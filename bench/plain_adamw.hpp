#pragma once

#include <vector>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace eddyline::bench {

/// AdamW as PyTorch's single-tensor form writes it, op by op, with its default settings.
class PlainAdamW {
 public:
  explicit PlainAdamW(torch::nn::Module const& network);
  /// One update from the gradients that are there.
  void step(double learning_rate);

 private:
  struct State {
    at::Tensor value, mean, square;
  };
  std::vector<State> states_;
  double steps_ = 0;
};

}  // namespace eddyline::bench
