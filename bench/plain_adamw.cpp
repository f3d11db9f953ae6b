#include "bench/plain_adamw.hpp"

#include <cmath>

#include <ATen/ATen.h>

namespace eddyline::bench {

PlainAdamW::PlainAdamW(torch::nn::Module const& network) {
  for (auto const& value : network.parameters()) {
    states_.push_back({value, at::zeros_like(value), at::zeros_like(value)});
  }
}

void PlainAdamW::step(double learning_rate) {
  constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8, kDecay = 0.01;
  at::NoGradGuard const no_grad;
  ++steps_;
  for (auto& state : states_) {
    auto const& gradient = state.value.grad();
    if (!gradient.defined()) {
      continue;
    }
    state.value.mul_(1 - learning_rate * kDecay);
    state.mean.lerp_(gradient, 1 - kBeta1);
    state.square.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
    auto const root =
        (state.square.sqrt() / std::sqrt(1 - std::pow(kBeta2, steps_))).add_(kEpsilon);
    state.value.addcdiv_(state.mean, root, -learning_rate / (1 - std::pow(kBeta1, steps_)));
  }
}

}  // namespace eddyline::bench
