#include "surrogates/prediction.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "core/entries.hpp"
#include "core/error.hpp"
#include "core/transfer.hpp"
#include "data/pipeline/fit.hpp"

namespace eddyline {
namespace {

std::vector<std::string> field_names(FieldSet const& fields) {
  std::vector<std::string> names;
  for (auto const& field : fields.fields()) {
    names.push_back(field.name);
  }
  return names;
}

/// The last input frame of the output's channels, whose target_norm is their input_norm:
/// (B, Co, D, H, W).
at::Tensor last_frame(Batch const& batch) {
  auto const newest = batch.input.select(1, -1);
  if (!batch.spec) {
    return newest;
  }
  require(batch.spec->input_grid.shape() == batch.spec->output_grid.shape(),
          "train.target is 'increment', but the output's grid (",
          batch.spec->output_grid.describe(),
          ") is not the input's (",
          batch.spec->input_grid.describe(),
          "); set train.target=state");
  if (batch.spec->input_fields == batch.spec->output_fields) {
    return newest;
  }
  auto const channels = with_context(
      [&] { return batch.spec->input_fields.channels_of(field_names(batch.spec->output_fields)); },
      "adding a predicted increment to the input (train.target: increment)");
  return take_entries(newest, 1, channels);
}

/// Refuses a network whose outputs cannot become its inputs.
void require_closed(BatchSpec const& spec) {
  auto state = field_names(spec.input_fields);
  state.resize(state.size() - std::min(state.size(), spec.known_fields.fields().size()));
  require(state == field_names(spec.output_fields),
          "several steps in a row need all fields of the state predicted, but the network reads ",
          spec.input_fields.describe(),
          " and writes ",
          spec.output_fields.describe(),
          "; predict all fields (data.target_fields: []) or set train.unroll.steps=1");
  require(spec.input_grid.shape() == spec.output_grid.shape(),
          "several steps in a row need the same grid in and out, not ",
          spec.input_grid.describe(),
          " and ",
          spec.output_grid.describe());
}

/// The part of a map that belongs to `count` channels from `first`.
Affine channels(Affine const& norm, int64_t first, int64_t count) {
  return {norm.mean.narrow(1, first, count), norm.scale.narrow(1, first, count)};
}

/// Frames from `first` on of a (B, T, …) tensor; undefined stays undefined.
at::Tensor frames_from(at::Tensor const& values, int64_t first) {
  if (!values.defined()) {
    return values;
  }
  auto const from = std::min(first, values.size(1));
  return values.narrow(1, from, values.size(1) - from);
}

/// Scale of an increment of the batch's data set.
Affine const& increment_of(TargetRule const& rule, Batch const& batch) {
  auto const& sets = rule.increments;
  EDDYLINE_ENSURE(!sets.empty() && (sets.size() == 1 || batch.spec),
                  "an increment rule of ",
                  sets.size(),
                  " data sets");
  auto const own = sets.size() == 1 ? sets.begin() : sets.find(batch.spec->dataset);
  EDDYLINE_ENSURE(own != sets.end(), "no increments of '", batch.spec->dataset, "'");
  return own->second;
}

/// Values of a row of numbers in JSON: (1, n) float32.
at::Tensor row_from_json(nlohmann::json const& json, char const* key) {
  require(json.is_object() && json.contains(key) && json[key].is_array() && !json[key].empty(),
          "the target rule 'increment' has no list '",
          key,
          "'");
  auto const values = json[key].get<std::vector<double>>();
  return at::tensor(values, at::dtype(at::kDouble)).to(at::kFloat).unsqueeze(0);
}

std::vector<double> row_to_json(at::Tensor const& row) {
  auto const values = row.to(at::kCPU, at::kDouble).contiguous();
  return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()};
}

Affine increment_from_json(nlohmann::json const& json) {
  Affine norm{row_from_json(json, "mean"), row_from_json(json, "scale")};
  require(norm.mean.numel() == norm.scale.numel(),
          "the target rule has ",
          norm.mean.numel(),
          " means but ",
          norm.scale.numel(),
          " scales");
  require(norm.scale.gt(0).all().item<bool>(),
          "the target rule has an increment scale that is not positive");
  return norm;
}

}  // namespace

at::Tensor predict_state(Surrogate& surrogate,
                         Batch const& batch,
                         Context const& context,
                         TargetRule const& rule) {
  return state_of(surrogate.predict(network_input(batch, rule), context), batch, rule);
}

Batch network_input(Batch const& batch, TargetRule const& rule) {
  return rule.fields ? rule.fields->widen(batch) : batch;
}

at::Tensor state_of(at::Tensor const& network_output, Batch const& batch, TargetRule const& rule) {
  auto const output = rule.fields ? rule.fields->narrow(network_output, batch) : network_output;
  if (rule.kind == TargetKind::state) {
    return output;
  }
  auto const& norm = increment_of(rule, batch);
  EDDYLINE_ENSURE(norm.scale.size(1) == output.size(2),
                  "an increment rule needs one scale for each of ",
                  output.size(2),
                  " channels");
  auto const on_device =
      Affine{sent(norm.mean, output.device()), sent(norm.scale, output.device())};
  auto const moved = at::cumsum(on_device.restore(output.to(norm.scale.scalar_type())), 1);
  return last_frame(batch).unsqueeze(1) + moved;
}

Batch slide_input(Batch const& batch, at::Tensor const& predicted) {
  if (batch.spec) {
    require_closed(*batch.spec);
  }
  auto const known = batch.forcing.defined() ? batch.forcing.size(2) : 0;
  auto const state = batch.input.size(2) - known;
  auto frames =
      channels(batch.input_norm, 0, state).normalise(batch.target_norm.restore(predicted));
  if (batch.absent.defined()) {
    // No loss says what the network writes there, so it reads again what filled those cells before.
    auto const held = batch.input.narrow(1, batch.input.size(1) - 1, 1).narrow(2, 0, state);
    frames = at::where(batch.absent.unsqueeze(1), held.to(frames.scalar_type()), frames);
  }
  if (batch.spec && batch.spec->fit) {
    frames = batch.spec->fit->renew(frames);  // as in a rollout
  }
  if (known > 0) {
    EDDYLINE_ENSURE(batch.forcing.size(1) >= predicted.size(1),
                    "forcing of ",
                    batch.forcing.size(1),
                    " frames for ",
                    predicted.size(1),
                    " predicted ones");
    frames = at::cat(
        {frames, batch.forcing.narrow(1, 0, predicted.size(1)).to(frames.scalar_type())}, 2);
  }
  auto const history = batch.input.size(1);
  auto const fresh = std::min(history, frames.size(1));
  Batch next = batch;
  auto const newest = frames.narrow(1, frames.size(1) - fresh, fresh).to(batch.input.scalar_type());
  next.input = fresh == history
                   ? newest
                   : at::cat({batch.input.narrow(1, fresh, history - fresh), newest}, 1);
  next.target = frames_from(batch.target, predicted.size(1));
  next.forcing = frames_from(batch.forcing, predicted.size(1));
  return next;
}

nlohmann::json to_json(TargetRule const& rule) {
  nlohmann::json json{{"kind", rule.kind == TargetKind::state ? "state" : "increment"}};
  if (rule.fields) {
    json["fields"] = to_json(*rule.fields);
  }
  for (auto const& [set, norm] : rule.increments) {
    json["sets"][set] = {{"mean", row_to_json(norm.mean)}, {"scale", row_to_json(norm.scale)}};
  }
  return json;
}

TargetRule target_rule_from_json(nlohmann::json const& json) {
  auto const kind = json.is_object() ? json.value("kind", std::string()) : std::string();
  require(kind == "state" || kind == "increment",
          "the target rule is '",
          kind,
          "'; known: state, increment");
  TargetRule rule{.kind = kind == "state" ? TargetKind::state : TargetKind::increment};
  if (json.contains("fields")) {
    rule.fields = field_union_from_json(json["fields"]);
  }
  if (rule.kind == TargetKind::increment) {
    require(json.contains("sets") && json["sets"].is_object() && !json["sets"].empty(),
            "the target rule 'increment' tells no data set's scale ('sets'); a model from before "
            "the scales were in normalised units must be trained anew");
    for (auto const& [set, norm] : json["sets"].items()) {
      rule.increments[set] = increment_from_json(norm);
    }
  }
  return rule;
}

}  // namespace eddyline
