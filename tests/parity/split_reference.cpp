#include "tests/parity/split_reference.hpp"

#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/surrogates/split_sample.hpp"

namespace eddyline::parity {

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

int compare_split(Reference const& reference, SplitCase const& split) {
  auto const count = static_cast<double>(split.batch.target.numel());
  auto const mean_square = [count](at::Tensor const& prediction, Batch const&) {
    return prediction.square().sum() / count;
  };
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
    sample.loss = split.loss ? split.loss : mean_square;
    auto const result = sample.run_part({});
    expect_close(reference,
                 "pred split " + text_of(parts),
                 largest_difference(result.prediction, sample.part().target),
                 split.tolerance);
    for (auto const& item : split.network->named_parameters()) {
      auto const found = result.gradients.find(item.key());
      item.value().mutable_grad() = found == result.gradients.end() ? at::Tensor() : found->second;
    }
    compare_gradients(reference, *split.network, split.gradients);
  }
  return splits;
}

}  // namespace eddyline::parity
