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

AdamW::AdamW(std::vector<TrainedParameter> parameters, AdamWConfig const& config)
    : config_(config), parameters_(std::move(parameters)), moments_(parameters_.size()) {
  require(!parameters_.empty(), "there is no parameter to train; all are frozen");
  require(config.beta1 >= 0 && config.beta1 < 1 && config.beta2 >= 0 && config.beta2 < 1,
          "adamw.beta1 and beta2 are ",
          config.beta1,
          " and ",
          config.beta2,
          "; allowed: 0 <= beta < 1");
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
    if (!moments.exp_avg.defined()) {
      moments.exp_avg = at::zeros_like(parameter.value, at::MemoryFormat::Preserve);
      moments.exp_avg_sq = at::zeros_like(parameter.value, at::MemoryFormat::Preserve);
      moments.step = at::zeros({}, at::dtype(at::kFloat).device(parameter.value.device()));
    }
    auto& lists = groups[{parameter.learning_rate_scale, parameter.weight_decay}];
    lists.values.push_back(parameter.value);
    lists.gradients.push_back(gradient);
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

std::map<std::string, at::Tensor> AdamW::save() const {
  std::map<std::string, at::Tensor> state;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (moments_[i].exp_avg.defined()) {
      auto const& name = parameters_[i].name;
      state[name + "/exp_avg"] = moments_[i].exp_avg.to(at::kCPU).contiguous();
      state[name + "/exp_avg_sq"] = moments_[i].exp_avg_sq.to(at::kCPU).contiguous();
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
    auto const fetch = [&](std::string const& part, at::IntArrayRef shape, at::ScalarType type) {
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
      return found->second.to(
          parameter.value.device(), type, /*non_blocking=*/false, /*copy=*/true);
    };
    auto const shape = parameter.value.sizes();
    auto const type = parameter.value.scalar_type();
    moments_[i] = {fetch("exp_avg", shape, type),
                   fetch("exp_avg_sq", shape, type),
                   fetch("step", {}, at::kFloat)};
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
