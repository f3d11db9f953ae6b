#include "tests/parity/unet_reference.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "surrogates/unet/import.hpp"

namespace eddyline::parity {
namespace {

// Float32 sums of up to 32·49 terms in another order, over up to 19 blocks of values near one.
constexpr double kValues = 1e-5;
constexpr double kGradients = 1e-4;  // relative to the largest element
constexpr double kLosses = 1e-5;     // relative

/// (B, C, cells) or (B, T, C, cells) with the missing axes in front of the cells.
at::Tensor with_all_axes(at::Tensor x, int64_t before) {
  while (x.dim() < before + 3) {
    x = x.unsqueeze(before);
  }
  return x;
}

at::Tensor predict(Unet& unet, Reference const& reference) {
  return unet.predict(batch_of(reference), {});
}

at::Tensor frame(Reference const& reference, std::string const& name) {
  return with_all_axes(reference.tensor(name), 2);
}

}  // namespace

std::shared_ptr<Unet> load_unet(Reference const& reference) {
  auto const imported = import_unet(read_pytorch(reference.weights),
                                    {.history = reference.config.at("history").get<int64_t>()});
  return std::dynamic_pointer_cast<Unet>(imported.network);
}

Batch batch_of(Reference const& reference) {
  Batch batch{.input = with_all_axes(reference.tensor("input/frames"), 3)};
  if (reference.has("input/constants")) {
    batch.constants = frame(reference, "input/constants");
  }
  return batch;
}

SplitCase split_unet(Reference const& reference) {
  auto batch = batch_of(reference);
  batch.target = frame(reference, "output/pred").unsqueeze(1);
  return {.network = load_unet(reference),
          .spec = {.input_fields = numbered_fields(batch.input.size(2)),
                   .output_fields = numbered_fields(batch.target.size(2)),
                   .grid = grid_of_cells(batch.input.sizes().slice(3))},
          .batch = batch,
          .tolerance = kValues,
          .gradients = {.tolerance = kGradients}};
}

void compare_keys(Reference const& reference) {
  auto const unet = load_unet(reference);
  auto const buffers = unet->named_buffers();
  std::vector<std::string> learning;
  for (auto const& [name, value] : read_pytorch(reference.weights).parameters) {
    if (!buffers.contains(name)) {
      learning.push_back(name);
    }
  }
  EXPECT_EQ(unet->named_parameters().keys(), learning);
}

void compare_outputs(Reference const& reference) {
  auto const unet = load_unet(reference);
  auto const predicted = predict(*unet, reference).squeeze(1);
  expect_close(reference,
               "output/pred",
               largest_difference(predicted, frame(reference, "output/pred")),
               kValues);
}

void compare_intermediates(Reference const& reference) {
  constexpr char const* kGroup = "output/intermediate/";
  auto const unet = load_unet(reference);
  auto const batch = batch_of(reference);
  auto image = batch.input.flatten(1, 2);
  image = batch.constants.defined() ? at::cat({image, batch.constants}, 1) : image;
  UnetTrace trace;
  unet->forward(image, {}, &trace);
  EXPECT_EQ(trace.size(), reference.names(kGroup).size());
  for (auto const& [key, value] : trace) {
    auto const name = kGroup + key;
    expect_close(reference, name, largest_difference(value, reference.tensor(name)), kValues);
  }
}

void compare_gradients(Reference const& reference) {
  auto const unet = load_unet(reference);
  predict(*unet, reference).square().mean().backward();
  compare_gradients(reference, *unet, {.tolerance = kGradients});
}

void compare_missing_gradients(Reference const& reference) {
  auto const unet = load_unet(reference);
  reference.used.insert("grad_missing");
  EXPECT_EQ(reference.texts.at("grad_missing"), unet->named_buffers().keys())
      << "what never learns there is a buffer here";
}

void compare_training(Reference const& reference) {
  auto const unet = load_unet(reference);
  auto const target = frame(reference, "train/target");
  PlainAdamW optimizer(*unet, {.rate = 1e-3, .decay = 0.01});
  auto const losses = train(
      *unet,
      optimizer,
      [&] { return (predict(*unet, reference).squeeze(1) - target).square().mean(); },
      reference.tensor("train/loss").numel());
  compare_losses(reference, "train/loss", losses, kLosses);
}

void compare_rollout(Reference const& reference) {
  auto const unet = load_unet(reference);
  at::NoGradGuard const no_grad;
  auto const expected = with_all_axes(reference.tensor("rollout/pred"), 3);
  auto batch = batch_of(reference);
  std::vector<at::Tensor> steps;
  while (static_cast<int64_t>(steps.size()) < expected.size(1)) {
    steps.push_back(unet->predict(batch, {}));
    auto const kept = batch.input.narrow(1, 1, batch.input.size(1) - 1);
    batch.input = at::cat({kept, steps.back()}, 1);
  }
  expect_close(reference, "rollout/pred", largest_difference(at::cat(steps, 1), expected), kValues);
}

}  // namespace eddyline::parity
