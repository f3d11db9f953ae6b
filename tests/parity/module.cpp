#include "tests/parity/module.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.hpp"

namespace eddyline::parity {
namespace {

/// Round-off of a difference quotient of a float64 loss, relative to the loss: smaller slopes
/// cannot be told from zero.
constexpr double kNoise = 1e-10;

}  // namespace

void load_weights(torch::nn::Module& network, PytorchCheckpoint const& checkpoint) {
  at::NoGradGuard const no_grad;
  auto const ours = network.named_parameters();
  auto const buffers = network.named_buffers();
  std::vector<std::pair<std::string, at::Tensor>> learnt;
  for (auto const& [name, value] : checkpoint.parameters) {
    if (auto const* const buffer = buffers.find(name)) {
      ASSERT_EQ(buffer->sizes(), value.sizes()) << name;
      buffer->copy_(value);
    } else {
      learnt.emplace_back(name, value);
    }
  }
  ASSERT_EQ(learnt.size() + buffers.size(), checkpoint.parameters.size());
  ASSERT_EQ(ours.size(), learnt.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    auto const& [name, value] = learnt[i];
    ASSERT_EQ(ours[i].key(), name) << "parameter " << i;
    ASSERT_EQ(ours[i].value().sizes(), value.sizes()) << name;
    ours[i].value().copy_(value);
  }
}

void compare_gradients(Reference const& reference,
                       torch::nn::Module const& network,
                       GradientRule const& rule) {
  auto const parameters = network.named_parameters();
  auto const names = reference.names("grad/");
  EXPECT_FALSE(names.empty());
  for (auto const& name : names) {
    auto const expected = reference.tensor(name);
    auto const key = name.substr(5);
    auto const* const parameter = parameters.find(key);
    ASSERT_NE(parameter, nullptr) << name;
    ASSERT_TRUE(parameter->grad().defined()) << name;
    auto const sized_by = rule.scale_of ? rule.scale_of(key) : key;
    auto const size = sized_by == key ? expected : parameters[sized_by].grad();
    auto const scale = std::max(size.abs().max().item<double>(), 1e-30);
    auto difference = largest_difference(parameter->grad(), expected) / scale;
    if (rule.exact && difference > rule.tolerance && difference <= kKink) {
      std::printf("%s %s: %.2e in float32\n", reference.stem.c_str(), name.c_str(), difference);
      difference = largest_difference(rule.exact(key), expected) / scale;
    }
    expect_close(reference, name, difference, rule.tolerance);
  }
}

void compare_directions(Reference const& reference,
                        torch::nn::Module& network,
                        std::function<at::Tensor()> const& loss,
                        double tolerance) {
  constexpr double kStep = 1e-5;
  auto const whole = loss();
  whole.backward();
  auto const floor = kNoise * std::abs(whole.item<double>());
  double worst = 0;
  uint64_t index = 0;
  at::NoGradGuard const no_grad;
  for (auto const& item : network.named_parameters()) {
    auto parameter = item.value();
    auto const gradient = parameter.grad().defined() ? parameter.grad() : at::zeros_like(parameter);
    auto random = at::empty({1, parameter.numel()}, at::kDouble);
    fill_normal(random, {.seed = 5, .layer = index++}, {0});
    auto direction = (random / random.norm()).view(parameter.sizes());
    direction = direction + gradient / gradient.norm().clamp_min(floor);
    direction = direction / direction.norm();
    auto const slope = (gradient * direction).sum().item<double>();
    parameter.add_(direction, kStep);
    auto const above = loss().item<double>();
    parameter.add_(direction, -2 * kStep);
    auto const below = loss().item<double>();
    parameter.add_(direction, kStep);
    auto const expected = (above - below) / (2 * kStep);
    auto const size = std::max({std::abs(slope), std::abs(expected), floor / tolerance});
    auto const difference = std::abs(slope - expected) / size;
    EXPECT_LE(difference, tolerance)
        << reference.stem << " " << item.key() << ": " << slope << ", differences " << expected;
    worst = std::max(worst, difference);
  }
  expect_close(reference, "directional differences", worst, tolerance);
}

void compare_losses(Reference const& reference,
                    std::string const& name,
                    std::vector<double> const& losses,
                    double tolerance) {
  auto const expected = reference.tensor(name);
  ASSERT_EQ(expected.numel(), static_cast<int64_t>(losses.size()));
  double worst = 0;
  for (size_t i = 0; i < losses.size(); ++i) {
    auto const loss = expected[static_cast<int64_t>(i)].item<double>();
    worst = std::max(worst, std::abs(losses[i] - loss) / std::abs(loss));
  }
  expect_close(reference, name, worst, tolerance);
}

PlainAdamW::PlainAdamW(torch::nn::Module const& network, Setting const& setting) {
  for (auto const& item : network.named_parameters()) {
    set(item.key(), setting);
  }
}

void PlainAdamW::restore(std::string const& name, std::map<std::string, at::Tensor> const& state) {
  states_[name] = {.step = state.at("step").item<double>(),
                   .mean = state.at("exp_avg").clone(),
                   .square = state.at("exp_avg_sq").clone()};
}

void PlainAdamW::step(torch::nn::Module& network) {
  at::NoGradGuard const no_grad;
  constexpr double kEpsilon = 1e-8;
  for (auto const& item : network.named_parameters()) {
    auto parameter = item.value();
    auto const gradient = parameter.grad();
    auto const found = settings_.find(item.key());
    if (gradient.defined() && found != settings_.end()) {
      auto const& setting = found->second;
      auto& state = states_[item.key()];
      if (!state.mean.defined()) {
        state = {.step = 0, .mean = at::zeros_like(parameter), .square = at::zeros_like(parameter)};
      }
      state.step += 1;
      parameter.mul_(1 - setting.rate * setting.decay);
      state.mean.mul_(setting.beta1).add_(gradient, 1 - setting.beta1);
      state.square.mul_(setting.beta2).addcmul_(gradient, gradient, 1 - setting.beta2);
      auto const scale = state.square.sqrt()
                             .div_(std::sqrt(1 - std::pow(setting.beta2, state.step)))
                             .add_(kEpsilon);
      parameter.addcdiv_(
          state.mean, scale, -setting.rate / (1 - std::pow(setting.beta1, state.step)));
    }
    parameter.mutable_grad().reset();
  }
}

std::vector<double> train(torch::nn::Module& network,
                          PlainAdamW& optimizer,
                          std::function<at::Tensor()> const& loss,
                          int64_t steps) {
  std::vector<double> losses;
  for (int64_t i = 0; i < steps; ++i) {
    auto const value = loss();
    losses.push_back(value.item<double>());
    value.backward();
    optimizer.step(network);
  }
  return losses;
}

}  // namespace eddyline::parity
