#include "tests/parity/morph_reference.hpp"

#include <functional>
#include <set>
#include <string_view>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/adaptation/initial_weights.hpp"
#include "surrogates/morph/import.hpp"
#include "surrogates/stored_model.hpp"
#include "workflows/training/learning_step.hpp"

namespace eddyline::parity {
namespace {

// Tolerances of the specification. The reference itself is within 7e-6 of float64.
constexpr double kValues = 1e-5;
constexpr double kGradients = 1e-4;  // relative to the largest element
constexpr double kLosses = 1e-5;     // relative
constexpr double kHalf = 0.05;       // of the largest value: products of 8 bits, layer upon layer

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

/// As many frames as the fixture holds, each from the newest window: (B, steps, F, C, D, H, W).
at::Tensor roll_out(Reference const& reference,
                    std::function<at::Tensor(at::Tensor const&)> const& step) {
  auto window = reference.tensor("input/vol");
  std::vector<at::Tensor> frames;
  for (int64_t i = 0; i < reference.tensor("rollout/pred").size(1); ++i) {
    frames.push_back(step(window).unsqueeze(1));
    window = at::cat({window.narrow(1, 1, window.size(1) - 1), frames.back()}, 1);
  }
  return at::cat(frames, 1);
}

/// Losses of as many training steps as the data set `name` holds against it.
void compare_steps(Reference const& reference,
                   std::string const& name,
                   Morph& morph,
                   PlainAdamW& optimizer) {
  auto const type = morph.parameters().front().scalar_type();
  auto const volume = reference.tensor("input/vol").to(type);
  auto const target = reference.tensor("train/target").to(type);
  auto const losses = train(
      morph,
      optimizer,
      [&] { return (predict(morph, volume) - target).square().mean(); },
      reference.tensor(name).numel());
  compare_losses(reference, name, losses, kLosses);
}

/// A softmax ignores a constant: the exact gradient of a key's bias is zero and what is left is
/// round-off, to be measured against the gradient of the key's weight.
std::string scale_of(std::string const& name) {
  constexpr std::string_view kBias = ".k.base.bias";
  return name.ends_with(kBias) ? name.substr(0, name.size() - 4) + "weight" : name;
}

/// The gradients of mean(pred²).
void backward(Morph& morph, Reference const& reference) {
  auto const type = morph.parameters().front().scalar_type();
  predict(morph, reference.tensor("input/vol").to(type)).square().mean().backward();
}

GradientRule gradient_rule(Reference const& reference) {
  auto const exact = [&reference,
                      morph = std::shared_ptr<Morph>()](std::string const& name) mutable {
    if (!morph) {
      morph = load_morph(reference);
      morph->to(at::kDouble);
      backward(*morph, reference);
    }
    return morph->named_parameters()[name].grad();
  };
  return {.tolerance = kGradients, .scale_of = &scale_of, .exact = exact};
}

}  // namespace

std::shared_ptr<Morph> make_morph(Reference const& reference, FineTune stage) {
  auto morph = std::make_shared<Morph>(config_of(reference, stage), spec_of(reference), 0);
  morph->eval();
  return morph;
}

std::shared_ptr<Morph> load_morph(Reference const& reference, FineTune stage) {
  auto morph = make_morph(reference, stage);
  load_weights(*morph, read_pytorch(reference.weights));
  return morph;
}

SplitCase split_morph(Reference const& reference) {
  auto const volume = reference.tensor("input/vol");  // (B, t, F, C, D, H, W)
  auto spec = spec_of(reference);
  spec.grid = grid_of_cells(volume.sizes().slice(4));
  return {.network = load_morph(reference),
          .spec = spec,
          .batch = {.input = volume.flatten(2, 3),
                    .target = reference.tensor("output/pred").flatten(1, 2).unsqueeze(1)},
          .tolerance = kValues,
          .gradients = gradient_rule(reference)};
}

Pass plain_pass(at::Tensor const& volume) {
  Pass pass;
  for (int64_t b = 0; b < volume.size(0); ++b) {
    pass.samples.push_back(b);
  }
  return pass;
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
  compare_gradients(reference, *morph, gradient_rule(reference));
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
  auto const difference_in = [&](at::ScalarType type) {
    auto const morph = load_morph(reference);
    morph->to(type);
    PlainAdamW optimizer(*morph, {});
    compare_steps(reference, "train/loss", *morph, optimizer);
    at::NoGradGuard const no_grad;
    auto const after = predict(*morph, reference.tensor("input/vol").to(type));
    return largest_difference(after, reference.tensor("train/pred_after5"));
  };
  auto difference = difference_in(at::kFloat);
  if (difference > kValues && difference <= kKink) {  // a gradient jumped
    difference = difference_in(at::kDouble);
  }
  expect_close(reference, "pred_after5", difference, kValues);
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
  compare_steps(reference, "resume/loss", *morph, optimizer);
}

void compare_resumed_training_of_import(Reference const& reference) {
  if (!reference.has("resume/loss")) {
    return;
  }
  auto const checkpoint = read_pytorch(reference.weights);
  auto const config = config_of(reference, FineTune::everything);
  MorphImport const options{
      .heads = config.heads,
      .heads_xa = config.heads_xa,
      .positions = uses_bilinear(config) ? PositionMode::bilinear : PositionMode::slice,
      .history = config.history};
  auto const native = to_native(import_morph(checkpoint, options));
  auto const loaded = load_model(native);
  auto const morph = std::dynamic_pointer_cast<Morph>(loaded);
  morph->eval();
  auto const& group = checkpoint.param_groups.at(0);
  AdamW optimiser(trained_parameters(*morph, group.at("weight_decay")), {});
  optimiser.load(initial_moments(*morph, native.tensors, {}));
  auto const volume = reference.tensor("input/vol");
  auto const target = reference.tensor("train/target");
  std::vector<double> losses;
  for (int64_t i = 0; i < reference.tensor("resume/loss").numel(); ++i) {
    auto const loss = (predict(*morph, volume) - target).square().mean();
    losses.push_back(loss.item<double>());
    optimiser.clear_gradients();
    loss.backward();
    optimiser.step(group.at("lr"));
  }
  compare_losses(reference, "resume/loss", losses, kLosses);
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
  compare_steps(reference, "ft/loss", *morph, optimizer);
}

void compare_rollout(Reference const& reference) {
  at::NoGradGuard const no_grad;
  auto const morph = load_morph(reference);
  auto const step = [&](at::Tensor const& window) { return predict(*morph, window); };
  auto const expected = reference.tensor("rollout/pred");
  auto const difference = largest_difference(roll_out(reference, step), expected);
  expect_close(reference, "rollout", difference, kValues);
}

void compare_frozen(Reference const& reference) {
  at::NoGradGuard const no_grad;
  auto const morph = load_morph(reference);
  for (auto const precision : {Precision::fp32, Precision::bf16}) {
    auto const frozen = morph->freeze(precision);
    auto const step = [&](at::Tensor const& window) {
      auto shape = window.sizes().vec();  // (B, t, F, C, D, H, W)
      shape.erase(shape.begin() + 1);
      return frozen->predict({.input = window.flatten(2, 3)}).view(shape);
    };
    bool const half = precision == Precision::bf16;
    auto const compare = [&](std::string const& what, at::Tensor const& ours, char const* name) {
      auto const expected = reference.tensor(name);
      auto const tolerance = half ? kHalf * expected.abs().max().item<double>() : kValues;
      expect_close(reference,
                   "frozen " + what + (half ? " bf16" : ""),
                   largest_difference(ours, expected),
                   tolerance);
    };
    compare("pred", step(reference.tensor("input/vol")), "output/pred");
    compare("rollout", roll_out(reference, step), "rollout/pred");
  }
}

}  // namespace eddyline::parity
