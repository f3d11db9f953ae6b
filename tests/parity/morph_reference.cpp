#include "tests/parity/morph_reference.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline::parity {
namespace {

// Tolerances of the specification. The reference itself is within 7e-6 of float64.
constexpr double kValues = 1e-5;
constexpr double kGradients = 1e-4;  // relative to the largest element
constexpr double kLosses = 1e-5;     // relative

MorphSize size_named(std::string const& name) {
  for (auto const& [size, text] : EnumNames<MorphSize>::names) {
    if (name == text) {
      return size;
    }
  }
  throw Error(concat("size '", name, "'"));
}

MorphConfig config_of(Reference const& reference, FineTune stage) {
  auto const& from = reference.config;
  auto const number = [&](char const* key) { return from.at(key).get<int64_t>(); };
  MorphConfig config;
  config.size = size_named(from.at("model_size").get<std::string>());
  config.filters = number("conv_filter");
  config.dim = number("dim");
  config.heads = number("heads");
  config.depth = number("depth");
  config.mlp_dim = number("mlp_dim");
  config.heads_xa = number("heads_xa");
  config.max_ar = number("max_ar");
  config.max_patches = number("max_patches");
  config.max_fields = number("max_fields");
  config.max_components = number("max_components");
  auto const& patch = from.at("patch_size");
  config.patch = patch.is_array()
                     ? patch.get<std::array<int64_t, 3>>()
                     : std::array<int64_t, 3>{
                           patch.get<int64_t>(), patch.get<int64_t>(), patch.get<int64_t>()};
  config.history = reference.facts.at("shape").at(1);
  config.dropout = from.at("dropout");
  config.emb_dropout = from.at("emb_dropout");
  config.lora = {.attention_rank = number("lora_r_attn"),
                 .mlp_rank = number("lora_r_mlp"),
                 .dropout = from.at("lora_p").get<double>()};
  if (!from.at("lora_alpha").is_null()) {
    config.lora.alpha = from.at("lora_alpha").get<double>();
  }
  config.fine_tune = stage;
  return config;
}

SurrogateSpec spec_of(Reference const& reference) {
  auto const shape = reference.facts.at("shape").get<std::vector<int64_t>>();
  std::vector<Field> fields;
  for (int64_t f = 0; f < shape[2]; ++f) {
    std::vector<std::string> components;
    for (int64_t c = 0; c < shape[3]; ++c) {
      components.push_back(std::to_string(c));
    }
    fields.push_back({.name = "field" + std::to_string(f), .components = components});
  }
  return {.input_fields = FieldSet(fields), .output_fields = FieldSet(fields)};
}

at::Tensor predict(Morph const& morph, at::Tensor const& volume) {
  return morph.forward(volume, plain_pass(volume)).pred;
}

void compare_losses(Reference const& reference,
                    std::string const& name,
                    std::vector<double> const& losses) {
  auto const expected = reference.tensor(name);
  ASSERT_EQ(expected.numel(), static_cast<int64_t>(losses.size()));
  double worst = 0;
  for (size_t i = 0; i < losses.size(); ++i) {
    auto const loss = expected[static_cast<int64_t>(i)].item<double>();
    worst = std::max(worst, std::abs(losses[i] - loss) / std::abs(loss));
  }
  expect_close(reference, name, worst, kLosses);
}

/// The gradients of mean(pred²).
void backward(Morph& morph, Reference const& reference) {
  predict(morph, reference.tensor("input/vol")).square().mean().backward();
}

}  // namespace

std::shared_ptr<Morph> make_morph(Reference const& reference, FineTune stage) {
  auto morph = std::make_shared<Morph>(config_of(reference, stage), spec_of(reference), 0);
  morph->eval();
  return morph;
}

void load_weights(Morph& morph, PytorchCheckpoint const& checkpoint) {
  at::NoGradGuard const no_grad;
  auto const ours = morph.named_parameters();
  ASSERT_EQ(ours.size(), checkpoint.parameters.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    auto const& [name, value] = checkpoint.parameters[i];
    ASSERT_EQ(ours[i].key(), name) << "parameter " << i;
    ASSERT_EQ(ours[i].value().sizes(), value.sizes()) << name;
    ours[i].value().copy_(value);
  }
}

std::shared_ptr<Morph> load_morph(Reference const& reference, FineTune stage) {
  auto morph = make_morph(reference, stage);
  load_weights(*morph, read_pytorch(reference.weights));
  return morph;
}

Pass plain_pass(at::Tensor const& volume) {
  Pass pass;
  for (int64_t b = 0; b < volume.size(0); ++b) {
    pass.samples.push_back(b);
  }
  return pass;
}

void PlainAdamW::restore(std::string const& name, std::map<std::string, at::Tensor> const& state) {
  states_[name] = {.step = state.at("step").item<double>(),
                   .mean = state.at("exp_avg").clone(),
                   .square = state.at("exp_avg_sq").clone()};
}

void PlainAdamW::step(Morph& morph) {
  at::NoGradGuard const no_grad;
  constexpr double kMean = 0.9, kSquare = 0.999, kEpsilon = 1e-8;
  for (auto const& item : morph.named_parameters()) {
    auto parameter = item.value();
    auto const gradient = parameter.grad();
    auto const setting = settings_.find(item.key());
    if (gradient.defined() && setting != settings_.end()) {
      auto& state = states_[item.key()];
      if (!state.mean.defined()) {
        state = {.step = 0, .mean = at::zeros_like(parameter), .square = at::zeros_like(parameter)};
      }
      state.step += 1;
      parameter.mul_(1 - setting->second.rate * setting->second.decay);
      state.mean.mul_(kMean).add_(gradient, 1 - kMean);
      state.square.mul_(kSquare).addcmul_(gradient, gradient, 1 - kSquare);
      auto const scale =
          state.square.sqrt().div_(std::sqrt(1 - std::pow(kSquare, state.step))).add_(kEpsilon);
      parameter.addcdiv_(
          state.mean, scale, -setting->second.rate / (1 - std::pow(kMean, state.step)));
    }
    parameter.mutable_grad().reset();
  }
}

std::vector<double> train(Morph& morph,
                          PlainAdamW& optimizer,
                          Reference const& reference,
                          int64_t steps) {
  auto const volume = reference.tensor("input/vol");
  auto const target = reference.tensor("train/target");
  std::vector<double> losses;
  for (int64_t i = 0; i < steps; ++i) {
    auto const loss = (predict(morph, volume) - target).square().mean();
    losses.push_back(loss.item<double>());
    loss.backward();
    optimizer.step(morph);
  }
  return losses;
}

void compare_outputs(Reference const& reference) {
  at::NoGradGuard const no_grad;
  auto const volume = reference.tensor("input/vol");
  auto const output = load_morph(reference)->forward(volume, plain_pass(volume));
  expect_close(
      reference, "enc", largest_difference(output.enc, reference.tensor("output/enc")), kValues);
  expect_close(reference, "z", largest_difference(output.z, reference.tensor("output/z")), kValues);
  expect_close(
      reference, "pred", largest_difference(output.pred, reference.tensor("output/pred")), kValues);
}

void compare_intermediates(Reference const& reference) {
  at::NoGradGuard const no_grad;
  auto const volume = reference.tensor("input/vol");
  MorphTrace trace;
  load_morph(reference)->forward(volume, plain_pass(volume), 0, &trace);
  auto const compare = [&](std::string const& name, at::Tensor const& ours) {
    expect_close(reference,
                 name,
                 largest_difference(ours, reference.tensor("output/intermediate/" + name)),
                 kValues);
  };
  compare("conv_features", trace.conv_features);
  compare("pos_encoding", trace.pos_encoding);
  compare("block0_axial_attn", trace.first_attention);
  compare("block0", trace.first_block);
}

void compare_gradients(Reference const& reference) {
  auto const morph = load_morph(reference);
  backward(*morph, reference);
  auto const parameters = morph->named_parameters();
  auto const names = reference.names("grad/");
  EXPECT_FALSE(names.empty());
  for (auto const& name : names) {
    auto const expected = reference.tensor(name);
    auto const* const parameter = parameters.find(name.substr(5));
    ASSERT_NE(parameter, nullptr) << name;
    // A softmax ignores a constant: the exact gradient of a key's bias is zero and what is left is
    // round-off, to be measured against the gradient of the key's weight.
    auto key = name.substr(5);
    if (key.ends_with(".k.base.bias")) {
      key.replace(key.size() - 4, 4, "weight");
    }
    auto const size = key == name.substr(5) ? expected : parameters[key].grad();
    auto const scale = std::max(size.abs().max().item<double>(), 1e-30);
    expect_close(
        reference, name, largest_difference(parameter->grad(), expected) / scale, kGradients);
  }
}

void compare_missing_gradients(Reference const& reference) {
  auto const morph = load_morph(reference);
  backward(*morph, reference);
  std::set<std::string> missing;
  for (auto const& item : morph->named_parameters()) {
    if (!item.value().grad().defined()) {
      missing.insert(item.key());
    }
  }
  auto const expected = reference.facts.at("params_without_grad").get<std::set<std::string>>();
  std::printf("%s parameters without gradient: %zu of %zu expected\n",
              reference.stem.c_str(),
              missing.size(),
              expected.size());
  EXPECT_EQ(missing, expected) << reference.stem;
}

void compare_training(Reference const& reference) {
  auto const morph = load_morph(reference);
  PlainAdamW optimizer;
  for (auto const& item : morph->named_parameters()) {
    optimizer.set(item.key(), {});
  }
  compare_losses(reference,
                 "train/loss",
                 train(*morph, optimizer, reference, reference.tensor("train/loss").numel()));
  at::NoGradGuard const no_grad;
  auto const after = predict(*morph, reference.tensor("input/vol"));
  expect_close(reference,
               "pred_after5",
               largest_difference(after, reference.tensor("train/pred_after5")),
               kValues);
}

void compare_resumed_training(Reference const& reference) {
  if (!reference.has("resume/loss")) {
    return;
  }
  auto const morph = load_morph(reference);
  auto const checkpoint = read_pytorch(reference.weights);
  PlainAdamW optimizer;
  for (auto const& group : checkpoint.param_groups) {
    for (auto const& index : group.at("params")) {
      auto const& name = checkpoint.parameters.at(index.get<size_t>()).first;
      optimizer.set(name, {.rate = group.at("lr"), .decay = group.at("weight_decay")});
      auto const state = checkpoint.optimizer_state.find(index.get<int64_t>());
      if (state != checkpoint.optimizer_state.end()) {
        optimizer.restore(name, state->second);
      }
    }
  }
  compare_losses(reference,
                 "resume/loss",
                 train(*morph, optimizer, reference, reference.tensor("resume/loss").numel()));
}

void compare_fine_tuning(Reference const& reference) {
  if (!reference.has("ft/loss")) {
    return;
  }
  auto const name = reference.facts.at("ft").get<std::string>();
  auto const stage = name.ends_with('3')   ? FineTune::level3
                     : name.ends_with('2') ? FineTune::level2
                                           : FineTune::level1;
  auto const morph = load_morph(reference, stage);
  std::set<std::string> trainable;
  PlainAdamW optimizer;
  for (auto const& group : morph->parameter_groups()) {
    for (auto const& parameter : group.parameters) {
      optimizer.set(parameter,
                    {.rate = 1e-3 * group.learning_rate_scale, .decay = group.weight_decay});
      trainable.insert(parameter);
    }
  }
  auto const& expected = reference.texts.at("ft/trainable");
  reference.used.insert("ft/trainable");
  EXPECT_EQ(trainable, std::set<std::string>(expected.begin(), expected.end())) << reference.stem;
  compare_losses(reference,
                 "ft/loss",
                 train(*morph, optimizer, reference, reference.tensor("ft/loss").numel()));
}

void compare_rollout(Reference const& reference) {
  at::NoGradGuard const no_grad;
  auto const morph = load_morph(reference);
  auto const expected = reference.tensor("rollout/pred");
  auto window = reference.tensor("input/vol");
  std::vector<at::Tensor> frames;
  for (int64_t i = 0; i < expected.size(1); ++i) {
    frames.push_back(predict(*morph, window).unsqueeze(1));
    window = at::cat({window.narrow(1, 1, window.size(1) - 1), frames.back()}, 1);
  }
  expect_close(reference, "rollout", largest_difference(at::cat(frames, 1), expected), kValues);
}

}  // namespace eddyline::parity
