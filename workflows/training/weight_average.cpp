#include "workflows/training/weight_average.hpp"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.hpp"

namespace eddyline {

WeightAverage::WeightAverage(std::vector<TrainedParameter> const& parameters,
                             AverageConfig const& config,
                             std::function<void()> after_swap)
    : decay_(config.decay), warmup_(config.warmup), after_swap_(std::move(after_swap)) {
  if (!is_on()) {
    return;
  }
  for (auto const& parameter : parameters) {
    names_.push_back(parameter.name);
    values_.push_back(parameter.value.detach());
    averages_.push_back(values_.back().clone());
  }
}

double WeightAverage::decay_at(int64_t step) const {
  auto const done = static_cast<double>(step);
  return warmup_ ? std::min(decay_, (1 + done) / (10 + done)) : decay_;
}

void WeightAverage::follow(int64_t step) {
  if (is_on()) {
    at::NoGradGuard const no_grad;
    at::_foreach_lerp_(averages_, values_, 1 - decay_at(step));
  }
}

void WeightAverage::swap() {
  at::NoGradGuard const no_grad;
  for (size_t i = 0; i < averages_.size(); ++i) {
    auto const held = values_[i].clone();
    values_[i].copy_(averages_[i]);
    averages_[i].copy_(held);
  }
  if (is_on()) {
    after_swap_();
  }
}

std::map<std::string, at::Tensor> WeightAverage::save() const {
  std::map<std::string, at::Tensor> weights;
  for (size_t i = 0; i < averages_.size(); ++i) {
    weights[names_[i]] = averages_[i].to(at::kCPU, /*non_blocking=*/false, /*copy=*/true);
  }
  return weights;
}

void WeightAverage::load(std::map<std::string, at::Tensor> const& weights) {
  at::NoGradGuard const no_grad;
  for (size_t i = 0; i < averages_.size(); ++i) {
    auto const found = weights.find(names_[i]);
    require(found != weights.end() && found->second.sizes() == averages_[i].sizes(),
            "the checkpoint has no plain weights (train.ema) of the parameter '",
            names_[i],
            "' with shape (",
            averages_[i].sizes().vec(),
            ")");
    averages_[i].copy_(found->second);
  }
  require(weights.size() == averages_.size(),
          "the checkpoint holds plain weights of ",
          weights.size(),
          " parameters, but the run averages ",
          averages_.size());
}

}  // namespace eddyline
