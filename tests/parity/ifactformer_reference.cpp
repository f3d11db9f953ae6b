#include "tests/parity/ifactformer_reference.hpp"

#include <algorithm>
#include <set>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "data/hdf5/file.hpp"

namespace eddyline::parity {
namespace {

// The reference's own float32 values are off by up to 2.5e-5: its Fourier features have arguments
// of up to 2000 radians. Gradients are relative to their largest element, losses relative.
constexpr double kValues = 5e-5;
constexpr double kGradients = 1e-3;
constexpr double kLosses = 1e-4;
// What has the positions in it: one rounding of coordinate times direction is 2e-4 radians. Whether
// multiplication and addition are fused there, which depends on machine and size (the reference
// fuses where half the width is 12, but not where it is 6 or 9), changes them by up to 6.5e-5.
constexpr double kPositions = 1e-4;
constexpr double kSame = 1e-6;  // the same operations on the same coordinates

IFactFormerConfig config_of(Reference const& reference) {
  auto const& from = reference.config;
  auto const number = [&](char const* key) { return from.at(key).get<int64_t>(); };
  EXPECT_EQ(number("kernel_multiplier"), kIFactKernelWidth);
  EXPECT_EQ(from.at("scaling_factor"), 1.0);
  EXPECT_EQ(from.at("use_rope"), true);
  auto const model = from.at("model").get<std::string>();
  EXPECT_TRUE(model == "IFactFormer_m" || model == "IFactFormer_o") << model;
  return {.variant = model == "IFactFormer_o" ? IFactVariant::o : IFactVariant::m,
          .dim = number("dim"),
          .heads = number("heads"),
          .dim_head = number("dim_head"),
          .depth = number("depth"),
          .n_layer = number("n_layer"),
          .history = number("in_time_window")};
}

FieldSet channels(Reference const& reference, char const* key) {
  return numbered_fields(reference.config.at(key).get<int64_t>());
}

Grid grid_of(Reference const& reference) {
  std::vector<Axis> axes;
  for (std::string const name : {"x", "y", "z"}) {
    auto const places = reference.tensor("input/pos_" + name).flatten().to(at::kDouble);
    axes.push_back({.name = name,
                    .coordinates = {places.const_data_ptr<double>(),
                                    places.const_data_ptr<double>() + places.numel()}});
  }
  return Grid(axes);
}

SurrogateSpec spec_of(Reference const& reference) {
  return {.input_fields = channels(reference, "in_dim"),
          .output_fields = channels(reference, "out_dim"),
          .grid = grid_of(reference)};
}

/// The next frame in the reference's layout, (B, X, Y, Z, C).
at::Tensor predict(IFactFormer const& network,
                   Reference const& reference,
                   at::Tensor const& window) {
  return network.forward(window, coordinates_of(reference), {}).movedim(1, -1);
}

/// ‖p − y‖/‖y‖ of each sample.
at::Tensor relative_l2(at::Tensor const& p, at::Tensor const& y) {
  return (p - y).flatten(1).norm(2, 1) / y.flatten(1).norm(2, 1);
}

/// Names of the fixture's parameters that have no gradient.
std::set<std::string> without_gradient(Reference const& reference) {
  auto const path = std::filesystem::path(reference.weights).replace_extension(".h5");
  auto const text = Hdf5File::open(path).read_text("no_grad");
  return nlohmann::json::parse(text).get<std::set<std::string>>();
}

void compare_steps(Reference const& reference,
                   std::string const& name,
                   PlainAdamW::Setting const& setting,
                   std::function<at::Tensor(at::Tensor const&)> const& loss) {
  auto const network = load_ifactformer(reference);
  auto const window = window_of(reference);
  PlainAdamW optimizer(*network, setting);
  auto const losses = train(
      *network,
      optimizer,
      [&] { return loss(predict(*network, reference, window)); },
      reference.tensor(name).numel());
  compare_losses(reference, name, losses, kLosses);
}

}  // namespace

std::shared_ptr<IFactFormer> load_ifactformer(Reference const& reference) {
  auto network = std::make_shared<IFactFormer>(config_of(reference), spec_of(reference), 0);
  network->eval();
  load_weights(*network, read_pytorch(reference.weights));
  return network;
}

at::Tensor window_of(Reference const& reference) {
  return reference.tensor("input/u").permute({0, 1, 5, 2, 3, 4});
}

AxisCoordinates coordinates_of(Reference const& reference) {
  return {reference.tensor("input/pos_x").flatten(),
          reference.tensor("input/pos_y").flatten(),
          reference.tensor("input/pos_z").flatten()};
}

SplitCase split_ifactformer(Reference const& reference) {
  return {.network = load_ifactformer(reference),
          .spec = spec_of(reference),
          .batch = {.input = window_of(reference),
                    .target = reference.tensor("output/pred").movedim(-1, 1).unsqueeze(1)},
          .tolerance = kValues,
          .gradients = {.tolerance = kGradients}};
}

void compare_outputs(Reference const& reference) {
  at::NoGradGuard const no_grad;
  auto const network = load_ifactformer(reference);
  auto const pred = predict(*network, reference, window_of(reference));
  expect_close(
      reference, "pred", largest_difference(pred, reference.tensor("output/pred")), kValues);
  auto const by_batch = network->predict({.input = window_of(reference)}, {});
  expect_close(reference,
               "pred of a batch on its grid",
               largest_difference(by_batch.squeeze(1).movedim(1, -1), pred),
               kSame);
  auto const frozen = network->freeze(Precision::fp32)->predict({.input = window_of(reference)});
  expect_close(
      reference,
      "pred of the frozen form",
      largest_difference(frozen.squeeze(1).movedim(1, -1), reference.tensor("output/pred")),
      kValues);
  auto const error = relative_l2(pred, reference.tensor("train/target"));
  expect_close(reference,
               "relative_l2",
               largest_difference(error, reference.tensor("output/relative_l2")),
               kValues);
}

void compare_intermediates(Reference const& reference) {
  at::NoGradGuard const no_grad;
  IFactFormerTrace trace;
  load_ifactformer(reference)->forward(window_of(reference), coordinates_of(reference), {}, &trace);
  auto const compare = [&](std::string const& name, at::Tensor const& ours, double tolerance) {
    auto const expected = reference.tensor("output/intermediate/" + name);
    auto const difference = largest_difference(ours.reshape(expected.sizes()), expected);
    // Kernels and what the chained variant makes of them are small.
    auto const scale = std::min(1.0, expected.abs().max().item<double>());
    expect_close(reference, name, difference / scale, tolerance);
  };
  compare("to_in", trace.lifted.transpose(1, 2), kValues);
  compare("layer0_position", trace.position, kPositions);
  compare("layer0_kernel_x", trace.kernels[0], kValues);
  compare("layer0_kernel_y", trace.kernels[1], kValues);
  compare("layer0_first_attention", trace.first_block, kValues);
  compare("encoder", trace.encoded, kPositions);
}

void compare_gradients(Reference const& reference) {
  auto const network = load_ifactformer(reference);
  predict(*network, reference, window_of(reference)).square().mean().backward();
  compare_gradients(reference, *network, {.tolerance = kGradients});
  for (auto const& item : network->named_parameters()) {
    EXPECT_TRUE(item.value().grad().defined()) << item.key();
  }
  std::set<std::string> fixed;
  for (auto const& item : network->named_buffers()) {
    if (item.key().ends_with("._B")) {
      fixed.insert(item.key());
    }
  }
  EXPECT_EQ(fixed, without_gradient(reference)) << reference.stem;
}

void compare_training(Reference const& reference) {
  auto const target = reference.tensor("train/target");
  compare_steps(reference, "train/loss", {.rate = 1e-3, .decay = 0.01}, [&](at::Tensor const& p) {
    return (p - target).square().mean();
  });
}

void compare_relative_l2_training(Reference const& reference) {
  auto const target = reference.tensor("train/target");
  compare_steps(
      reference, "train/relative_l2_loss", {.rate = 5e-4, .decay = 0.01}, [&](at::Tensor const& p) {
        return relative_l2(p, target).mean();
      });
}

void compare_rollout(Reference const& reference) {
  if (!reference.has("rollout/pred")) {
    return;
  }
  at::NoGradGuard const no_grad;
  auto const network = load_ifactformer(reference);
  auto const expected = reference.tensor("rollout/pred");
  auto const mean = reference.tensor("rollout/mean").view({-1, 1, 1, 1});
  auto const deviation = reference.tensor("rollout/std").view({-1, 1, 1, 1});
  auto const roll = [&](auto const& next_of) {
    auto window = window_of(reference);
    std::vector<at::Tensor> frames;
    for (int64_t i = 0; i < expected.size(1); ++i) {
      auto const next = next_of((window - mean) / deviation) * deviation + mean;
      frames.push_back(next.movedim(1, -1));
      window = at::cat({window.narrow(1, 1, window.size(1) - 1), next.unsqueeze(1)}, 1);
    }
    return at::stack(frames, 1);
  };
  auto const of_network = roll([&](at::Tensor const& window) {
    return network->forward(window, coordinates_of(reference), {});
  });
  expect_close(reference, "rollout", largest_difference(of_network, expected), kValues);
  auto const frozen = network->freeze(Precision::fp32);
  auto const of_frozen =
      roll([&](at::Tensor const& window) { return frozen->predict({.input = window}).squeeze(1); });
  expect_close(
      reference, "rollout of the frozen form", largest_difference(of_frozen, expected), kValues);
}

}  // namespace eddyline::parity
