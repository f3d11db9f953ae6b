// Every network of the registry, small enough for tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/config.hpp"
#include "core/random.hpp"
#include "surrogates/imported_model.hpp"
#include "surrogates/registry.hpp"
#include "tests/places.hpp"

namespace eddyline {

/// What a network is tested with: tests/surrogates/<network>/contract.yaml, else these defaults.
struct ContractCase {
  YamlText model{"{}"};
  std::vector<std::string> axes = {"x", "y", "z"};
  std::vector<int64_t> cells = {8, 8, 12};
  std::vector<std::string> fields = {"density", "velocity:x:y:z"};
  bool dropout = false;
  bool exact_gradient = true;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("model", model, "configuration small enough for tests, in which every parameter takes part");
    v("axes", axes, "names of the axes");
    v("cells", cells, "cells on them");
    v("fields", fields, "fields of input and output, vectors as velocity:x:y");
    v("dropout", dropout, "whether the configuration has dropout");
    v("exact_gradient",
      exact_gradient,
      "false: something is kept out of the gradient, as upstream");
  }
};

inline ContractCase contract_case(std::string const& name) {
  auto const path = source_folder() / "tests/surrogates" / name / "contract.yaml";
  std::ifstream file(path);
  std::string const text(std::istreambuf_iterator<char>(file), {});
  return parse_config<ContractCase>(text, path.string());
}

inline Axis axis(std::string const& name, int64_t size) {
  Axis made{.name = name, .coordinates = std::vector<double>(static_cast<size_t>(size))};
  std::iota(made.coordinates.begin(), made.coordinates.end(), 0.0);
  return made;
}

inline SurrogateSpec spec_of(ContractCase const& contract) {
  std::vector<Field> fields;
  for (auto const& text : contract.fields) {
    fields.push_back(parse_field(text));
  }
  std::vector<Axis> axes;
  for (size_t i = 0; i < contract.axes.size(); ++i) {
    axes.push_back(axis(contract.axes[i], contract.cells.at(i)));
  }
  return {.input_fields = FieldSet(fields), .output_fields = FieldSet(fields), .grid = Grid(axes)};
}

inline at::Tensor numbers(std::vector<int64_t> const& shape, uint64_t seed) {
  auto out = at::empty(shape);
  std::vector<int64_t> rows(static_cast<size_t>(shape[0]));
  std::iota(rows.begin(), rows.end(), 0);
  fill_normal(out, {.seed = seed}, rows);
  return out;
}

inline Batch make_batch(Surrogate const& model, SurrogateSpec const& spec, int64_t samples) {
  auto const shape = spec.grid.shape();
  Batch batch;
  batch.input = numbers(
      {samples, model.history(), spec.input_fields.channels(), shape[0], shape[1], shape[2]}, 3);
  batch.target =
      numbers({samples, 1, spec.output_fields.channels(), shape[0], shape[1], shape[2]}, 4);
  batch.sample_ids.resize(static_cast<size_t>(samples));
  std::iota(batch.sample_ids.begin(), batch.sample_ids.end(), 100);
  batch.lead_time = at::ones({samples});
  return batch;
}

inline Batch rows_of(Batch const& whole, int64_t first, int64_t count) {
  Batch part = whole;
  part.input = whole.input.narrow(0, first, count);
  part.target = whole.target.narrow(0, first, count);
  part.lead_time = whole.lead_time.narrow(0, first, count);
  part.sample_ids.assign(whole.sample_ids.begin() + first,
                         whole.sample_ids.begin() + first + count);
  return part;
}

class SurrogateContract : public testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<Surrogate> make(uint64_t seed = 1) const {
    auto const& entry = surrogate_entry(GetParam());
    return entry.make(contract_.model.text, spec_, seed);
  }
  static double distance(at::Tensor const& a, at::Tensor const& b) {
    return (a - b).abs().max().item<double>();
  }
  ContractCase const contract_ = contract_case(GetParam());
  SurrogateSpec const spec_ = spec_of(contract_);
};

inline constexpr double kRoundOff = 1e-5;  // float32 sums of a few thousand terms of size one

inline std::vector<std::string> surrogate_names() {
  std::vector<std::string> names;
  for (auto const& entry : surrogate_registry()) {
    names.push_back(entry.name);
  }
  return names;
}

}  // namespace eddyline
