#include "tests/parity/split_reference.hpp"

#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/surrogates/split_sample.hpp"

namespace eddyline::parity {
namespace {

constexpr double kHalf = 0.05;  // of the largest value: products of 8 bits, layer upon layer

}  // namespace

Grid grid_of_cells(at::IntArrayRef cells) {
  std::vector<Axis> axes;
  for (char const* const name : {"x", "y", "z"}) {
    axes.push_back(axis(name, cells[axes.size()]));
  }
  return Grid(axes);
}

FieldSet numbered_fields(int64_t count) {
  std::vector<Field> fields;
  for (int64_t i = 0; i < count; ++i) {
    fields.push_back({.name = "field" + std::to_string(i)});
  }
  return FieldSet(fields);
}

namespace {

SplitSample::Loss loss_of(SplitCase const& split) {
  auto const count = static_cast<double>(split.batch.target.numel());
  auto const mean_square = [count](at::Tensor const& prediction, Batch const&) {
    return prediction.square().sum() / count;
  };
  return split.loss ? split.loss : mean_square;
}

/// Puts them where compare_gradients looks.
void set_gradients(torch::nn::Module& network, std::map<std::string, at::Tensor> const& gradients) {
  for (auto const& item : network.named_parameters()) {
    auto const found = gradients.find(item.key());
    item.value().mutable_grad() = found == gradients.end() ? at::Tensor() : found->second;
  }
}

}  // namespace

int compare_split(Reference const& reference, SplitCase const& split) {
  int splits = 0;
  for (auto const parts : allowed_splits(*split.network, split.spec)) {
    SCOPED_TRACE(text_of(parts));
    auto batch = split.batch;
    if (batch.size() % (Communicator::world().size() / (parts[0] * parts[1] * parts[2])) != 0) {
      continue;  // other samples on other ranks: the fixture has not as many
    }
    batch.sample_ids.resize(static_cast<size_t>(batch.size()));
    std::iota(batch.sample_ids.begin(), batch.sample_ids.end(), 0);
    ++splits;
    SplitSample sample(*split.network, split.spec, parts, batch);
    sample.loss = loss_of(split);
    auto const result = sample.run_part({});
    expect_close(reference,
                 "pred split " + text_of(parts),
                 largest_difference(result.prediction, sample.part().target),
                 split.tolerance);
    set_gradients(*split.network, result.gradients);
    compare_gradients(reference, *split.network, split.gradients);
  }
  return splits;
}

void compare_on_gpu(Reference const& reference, SplitCase const& whole, at::Device gpu) {
  whole.network->to(gpu);
  SplitSample sample(*whole.network, whole.spec, {1, 1, 1}, on_device(whole.batch, gpu));
  sample.loss = loss_of(whole);
  auto const& truth = whole.batch.target;
  auto const result = sample.run_whole({});
  expect_close(
      reference, "pred on a GPU", largest_difference(result.prediction, truth), whole.tolerance);
  set_gradients(*whole.network, result.gradients);
  compare_gradients(reference, *whole.network, whole.gradients);
  at::NoGradGuard const no_grad;
  for (auto const precision : {Precision::fp32, Precision::bf16}) {
    bool const half = precision == Precision::bf16;
    if (auto const frozen = whole.network->freeze(precision)) {
      expect_close(reference,
                   half ? "frozen pred bf16 on a GPU" : "frozen pred on a GPU",
                   largest_difference(frozen->predict(sample.whole()), truth),
                   half ? kHalf * truth.abs().max().item<double>() : whole.tolerance);
    }
  }
}

}  // namespace eddyline::parity
