// Every network of the registry, small enough for tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/config.hpp"
#include "core/error.hpp"
#include "surrogates/imported_model.hpp"
#include "surrogates/partial_surrogate.hpp"
#include "surrogates/registry.hpp"
#include "surrogates/trust.hpp"
#include "tests/numbers.hpp"
#include "tests/places.hpp"

namespace eddyline {

/// Where a network's first weights come from.
enum class FirstWeights { seed, file };

template <>
struct EnumNames<FirstWeights> {
  static constexpr auto names = std::to_array<std::pair<FirstWeights, char const*>>(
      {{FirstWeights::seed, "seed"}, {FirstWeights::file, "file"}});
};

/// What a network is tested with: tests/surrogates/<network>/contract.yaml, else these defaults.
struct ContractCase {
  std::string surrogate;
  YamlText model{"{}"};
  std::vector<std::string> axes = {"x", "y", "z"};
  std::vector<int64_t> cells = {8, 8, 12};
  std::vector<int64_t> split_cells = {8, 12, 20};
  std::vector<std::string> fields = {"density", "velocity:x:y:z"};
  double split_gradients = 1e-5;
  int64_t token = 0;
  bool dropout = false;
  bool exact_gradient = true;
  FirstWeights weights = FirstWeights::seed;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("surrogate", surrogate, "its name in the registry; empty: the folder's");
    v("model", model, "configuration small enough for tests, in which every parameter takes part");
    v("axes", axes, "names of the axes");
    v("cells", cells, "cells on them");
    v("split_cells", split_cells, "the same where a sample is divided among ranks");
    v("split_gradients",
      split_gradients,
      "how far float32 gradients of divided samples may be from those of whole ones, of a tensor's "
      "largest; the networks' specifications say 1e-5 or more");
    v("fields", fields, "fields of input and output, vectors as velocity:x:y");
    v("token", token, "numbers that travel for each cell where every cell is a token; else 0");
    v("dropout", dropout, "whether the configuration has dropout");
    v("exact_gradient",
      exact_gradient,
      "false: something is kept out of the gradient, as upstream");
    v("weights", weights, "seed: drawn from it; file: they come with a file that the model names");
  }
};

inline ContractCase contract_case(std::string const& name) {
  auto const path = source_folder() / "tests/surrogates" / name / "contract.yaml";
  std::ifstream file(path);
  std::string text(std::istreambuf_iterator<char>(file), {});
  constexpr std::string_view kFixtures = "$FIXTURES";
  if (auto const at = text.find(concat("file: ", kFixtures)); at != std::string::npos) {
    text.replace(text.find(kFixtures, at), kFixtures.size(), fixtures_folder().string());
  }
  auto contract = parse_config<ContractCase>(text, path.string());
  contract.surrogate = contract.surrogate.empty() ? name : contract.surrogate;
  return contract;
}

inline Axis axis(std::string const& name, int64_t size) {
  Axis made{.name = name, .coordinates = std::vector<double>(static_cast<size_t>(size))};
  std::iota(made.coordinates.begin(), made.coordinates.end(), 0.0);
  return made;
}

inline SurrogateSpec spec_of(ContractCase const& contract, std::vector<int64_t> const& cells) {
  std::vector<Field> fields;
  for (auto const& text : contract.fields) {
    fields.push_back(parse_field(text));
  }
  std::vector<Axis> axes;
  for (size_t i = 0; i < contract.axes.size(); ++i) {
    axes.push_back(axis(contract.axes[i], cells.at(i)));
  }
  return {.input_fields = FieldSet(fields), .output_fields = FieldSet(fields), .grid = Grid(axes)};
}

inline SurrogateSpec spec_of(ContractCase const& contract) {
  return spec_of(contract, contract.cells);
}

inline SurrogateSpec split_spec(ContractCase const& contract) {
  return spec_of(contract, contract.split_cells);
}

inline Batch make_batch(Surrogate const& model, SurrogateSpec const& spec, int64_t samples) {
  auto const shape = spec.grid.shape();
  auto const region = predicted_part(model);
  auto const out = (region ? region->crop(spec.grid) : spec.grid).shape();
  Batch batch;
  batch.input = numbers(
      {samples, model.history(), spec.input_fields.channels(), shape[0], shape[1], shape[2]}, 3);
  batch.target = numbers({samples, 1, spec.output_fields.channels(), out[0], out[1], out[2]}, 4);
  batch.sample_ids.resize(static_cast<size_t>(samples));
  std::iota(batch.sample_ids.begin(), batch.sample_ids.end(), 100);
  batch.lead_time = at::ones({samples});
  return batch;
}

inline Batch on_device(Batch batch, at::Device device) {
  for (auto* const values : {&batch.input, &batch.target, &batch.constants, &batch.lead_time}) {
    *values = values->defined() ? values->to(device) : at::Tensor();
  }
  return batch;
}

inline Batch rows_of(Batch const& whole, int64_t first, int64_t count) {
  Batch part = whole;
  part.input = whole.input.narrow(0, first, count);
  part.target = whole.target.narrow(0, first, count);
  if (whole.lead_time.defined()) {
    part.lead_time = whole.lead_time.narrow(0, first, count);
  }
  part.sample_ids.assign(whole.sample_ids.begin() + first,
                         whole.sample_ids.begin() + first + count);
  return part;
}

class SurrogateContract : public testing::TestWithParam<std::string> {
 protected:
  SurrogateContract() { set_trust(Trust::given); }  // the files are the checkout's
  ~SurrogateContract() override { set_trust(Trust::refused); }

  std::shared_ptr<Surrogate> make(uint64_t seed = 1) const {
    auto const& entry = surrogate_entry(contract_.surrogate);
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

/// Every network, and variants of one that divide a sample in another way.
inline std::vector<std::string> split_names() {
  auto names = surrogate_names();
  names.emplace_back("ifactformer_o");
  return names;
}

}  // namespace eddyline
