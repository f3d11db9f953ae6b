#include "surrogates/field_union.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include <ATen/ATen.h>

#include "core/entries.hpp"
#include "core/error.hpp"
#include "core/transfer.hpp"
#include "data/field/json.hpp"

namespace eddyline {
namespace {

void join(std::vector<Field>& all, Field const& field) {
  auto const found = std::find_if(
      all.begin(), all.end(), [&](auto const& known) { return known.name == field.name; });
  if (found == all.end()) {
    all.push_back(field);
    return;
  }
  require(found->order == field.order,
          "field '",
          field.name,
          "' is of order ",
          found->order,
          " (0 scalar, 1 vector, 2 tensor) in one data set and of order ",
          field.order,
          " in another; leave it out of one of them with fields");
  for (auto const& component : field.components) {
    auto& known = found->components;
    if (std::find(known.begin(), known.end(), component) == known.end()) {
      known.push_back(component);
    }
  }
}

/// The state's fields among the inputs, which come before the known ones.
std::vector<Field> state_fields(BatchSpec const& spec) {
  auto fields = spec.input_fields.fields();
  fields.resize(fields.size() - spec.known_fields.fields().size());
  return fields;
}

/// Where the channels of `own` are in `all`.
std::vector<int64_t> places(FieldSet const& own, FieldSet const& all) {
  auto const names = all.channel_names();
  std::vector<int64_t> found;
  for (auto const& name : own.channel_names()) {
    auto const at = std::find(names.begin(), names.end(), name);
    require(at != names.end(), "the network did not learn '", name, "'; it knows ", all.describe());
    found.push_back(std::distance(names.begin(), at));
  }
  return found;
}

}  // namespace

FieldUnion FieldUnion::of(std::vector<BatchSpec const*> const& specs) {
  EDDYLINE_ENSURE(!specs.empty(), "no data set");
  std::vector<Field> inputs, outputs;
  auto const& known = specs.front()->known_fields;
  for (auto const* spec : specs) {
    require(spec->known_fields == known,
            "all data sets of a mix need the same fields known ahead (time_features, coordinates, "
            "constant_inputs), but '",
            specs.front()->dataset,
            "' has ",
            known.empty() ? "none" : known.describe(),
            " and '",
            spec->dataset,
            "' ",
            spec->known_fields.empty() ? "none" : spec->known_fields.describe());
    for (auto const& field : state_fields(*spec)) {
      join(inputs, field);
    }
    for (auto const& field : spec->output_fields.fields()) {
      join(outputs, field);
    }
  }
  inputs.insert(inputs.end(), known.fields().begin(), known.fields().end());
  return {FieldSet(std::move(inputs)), FieldSet(std::move(outputs))};
}

bool FieldUnion::is_of(BatchSpec const& spec) const {
  return spec.input_fields.channel_names() == inputs.channel_names() &&
         spec.output_fields.channel_names() == outputs.channel_names();
}

bool FieldUnion::covers(BatchSpec const& spec) const {
  auto const has = [](FieldSet const& all, FieldSet const& own) {
    auto const names = all.channel_names();
    auto const wanted = own.channel_names();
    return std::all_of(wanted.begin(), wanted.end(), [&](auto const& name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    });
  };
  return has(inputs, spec.input_fields) && has(outputs, spec.output_fields);
}

Batch FieldUnion::widen(Batch const& batch) const {
  EDDYLINE_ENSURE(batch.spec != nullptr, "a batch of several data sets needs its spec");
  if (batch.spec->input_fields.channel_names() == inputs.channel_names()) {
    return batch;
  }
  auto shape = batch.input.sizes().vec();
  shape[2] = inputs.channels();
  auto wide = batch;
  wide.input = at::zeros(shape, batch.input.options().requires_grad(false))
                   .index_copy(2,
                               sent(at::tensor(places(batch.spec->input_fields, inputs), at::kLong),
                                    batch.input.device()),
                               batch.input);
  return wide;
}

at::Tensor FieldUnion::narrow(at::Tensor const& output, Batch const& batch) const {
  EDDYLINE_ENSURE(batch.spec != nullptr, "a batch of several data sets needs its spec");
  auto const& own = batch.spec->output_fields;
  return own.channel_names() == outputs.channel_names()
             ? output
             : take_entries(output, 2, places(own, outputs));
}

nlohmann::json to_json(FieldUnion const& fields) {
  return {{"inputs", to_json(fields.inputs)}, {"outputs", to_json(fields.outputs)}};
}

FieldUnion field_union_from_json(nlohmann::json const& json) {
  require(json.is_object() && json.contains("inputs") && json.contains("outputs"),
          "the fields of the network's data sets have no 'inputs' or no 'outputs'");
  return {field_set_from_json(json["inputs"]), field_set_from_json(json["outputs"])};
}

}  // namespace eddyline
