#include "workflows/training/adamw.hpp"

#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

/// Tensor lists of the parameters that share a rate and a decay: what the fused operation takes.
struct UpdateLists {
  std::vector<at::Tensor> values, gradients, exp_avgs, exp_avg_sqs, steps;
};

}  // namespace

AdamW::AdamW(std::vector<TrainedParameter> parameters,
             AdamWConfig const& config,
             std::unique_ptr<OptimiserShards> shards)
    : config_(config),
      shards_(std::move(shards)),
      parameters_(std::move(parameters)),
      moments_(parameters_.size()) {
  require(!parameters_.empty(), "there is no parameter to train; all are frozen");
  require(config.beta1 >= 0 && config.beta1 < 1 && config.beta2 >= 0 && config.beta2 < 1,
          "adamw.beta1 and beta2 are ",
          config.beta1,
          " and ",
          config.beta2,
          "; allowed: 0 <= beta < 1");
}

at::Tensor AdamW::own(size_t i, at::Tensor const& whole) const {
  if (!shards_) {
    return whole;
  }
  return shards_->own(i, whole);
}

void AdamW::step(double learning_rate) {
  at::NoGradGuard const no_grad;
  std::map<std::pair<double, double>, UpdateLists> groups;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    auto& parameter = parameters_[i];
    auto const& gradient = parameter.value.grad();
    if (!gradient.defined()) {
      continue;
    }
    auto& moments = moments_[i];
    auto const value = own(i, parameter.value);
    if (!moments.exp_avg.defined()) {
      moments.exp_avg = at::zeros_like(value, at::MemoryFormat::Preserve);
      moments.exp_avg_sq = at::zeros_like(value, at::MemoryFormat::Preserve);
      moments.step = at::zeros({}, at::dtype(at::kFloat).device(parameter.value.device()));
    }
    auto& lists = groups[{parameter.learning_rate_scale, parameter.weight_decay}];
    lists.values.push_back(value);
    lists.gradients.push_back(own(i, gradient));
    lists.exp_avgs.push_back(moments.exp_avg);
    lists.exp_avg_sqs.push_back(moments.exp_avg_sq);
    lists.steps.push_back(moments.step);
  }
  for (auto& [settings, lists] : groups) {
    at::_foreach_add_(lists.steps, 1);
    at::_fused_adamw_(lists.values,
                      lists.gradients,
                      lists.exp_avgs,
                      lists.exp_avg_sqs,
                      {},
                      lists.steps,
                      learning_rate * settings.first,
                      config_.beta1,
                      config_.beta2,
                      settings.second,
                      config_.epsilon,
                      /*amsgrad=*/false,
                      /*maximize=*/false);
  }
  if (shards_) {
    shards_->exchange();
  }
}

void AdamW::clear_gradients() {
  for (auto& parameter : parameters_) {
    parameter.value.mutable_grad().reset();
  }
}

std::vector<at::Tensor> AdamW::gradients() const {
  std::vector<at::Tensor> gradients;
  for (auto const& parameter : parameters_) {
    if (parameter.value.grad().defined()) {
      gradients.push_back(parameter.value.grad());
    }
  }
  return gradients;
}

std::vector<at::Tensor> AdamW::whole(at::Tensor Moments::*moment) const {
  std::vector<at::Tensor> tensors;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    auto tensor = moments_[i].*moment;
    if (shards_ && !tensor.defined()) {
      tensor = at::zeros_like(own(i, parameters_[i].value));
    }
    tensors.push_back(!shards_ && tensor.defined() ? tensor.to(at::kCPU).contiguous() : tensor);
  }
  return shards_ ? shards_->collect(tensors) : tensors;
}

std::map<std::string, at::Tensor> AdamW::save() const {
  std::map<std::string, at::Tensor> state;
  auto const exp_avg = whole(&Moments::exp_avg);
  auto const exp_avg_sq = whole(&Moments::exp_avg_sq);
  for (size_t i = 0; i < exp_avg.size(); ++i) {
    if (moments_[i].exp_avg.defined()) {
      auto const& name = parameters_[i].name;
      state[name + "/exp_avg"] = exp_avg[i];
      state[name + "/exp_avg_sq"] = exp_avg_sq[i];
      state[name + "/step"] = moments_[i].step.to(at::kCPU);
    }
  }
  return state;
}

void AdamW::load(std::map<std::string, at::Tensor> const& state) {
  size_t used = 0;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    auto const& parameter = parameters_[i];
    moments_[i] = {};
    if (!state.contains(parameter.name + "/step")) {
      continue;
    }
    auto const fetch = [&](std::string const& part, at::IntArrayRef shape) {
      auto const found = state.find(parameter.name + "/" + part);
      require(
          found != state.end(), "the optimiser's state has no '", parameter.name, "/", part, "'");
      require(found->second.sizes() == shape,
              "the optimiser's '",
              parameter.name,
              "/",
              part,
              "' has shape (",
              found->second.sizes().vec(),
              "), but the parameter has (",
              shape.vec(),
              ")");
      ++used;
      return found->second;
    };
    auto const moment = [&](std::string const& part) {
      return own(i, fetch(part, parameter.value.sizes()))
          .to(parameter.value.options().requires_grad(false),
              /*non_blocking=*/false,
              /*copy=*/true);
    };
    moments_[i] = {
        moment("exp_avg"),
        moment("exp_avg_sq"),
        fetch("step", {})
            .to(parameter.value.device(), at::kFloat, /*non_blocking=*/false, /*copy=*/true)};
  }
  if (used != state.size()) {
    for (auto const& [key, tensor] : state) {
      auto const name = key.substr(0, key.rfind('/'));
      auto const known = std::any_of(parameters_.begin(),
                                     parameters_.end(),
                                     [&](auto const& parameter) { return parameter.name == name; });
      require(known,
              "the optimiser's state holds '",
              key,
              "', but the network trains no parameter '",
              name,
              "'");
    }
  }
}

}  // namespace eddyline
