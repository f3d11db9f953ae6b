#include "surrogates/surrogate_stepper.hpp"

#include <limits>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "core/error.hpp"
#include "core/transfer.hpp"

namespace eddyline {
namespace {

std::vector<std::string> names_of(FieldSet const& fields) {
  std::vector<std::string> names;
  for (auto const& field : fields.fields()) {
    names.push_back(field.name);
  }
  return names;
}

bool has_same_fields(BatchSpec const& spec) {
  auto state = names_of(spec.input_fields);
  state.resize(state.size() - spec.known_fields.fields().size());
  return state == names_of(spec.output_fields);
}

/// By their cells, not their number: a region may be as large as the rest, or turned.
bool has_same_grid(BatchSpec const& spec) {
  return spec.input_grid == spec.output_grid;
}

void require_closed(BatchSpec const& spec, std::string const& name) {
  constexpr char const* kDirect =
      "forecast directly, every step from the start's frames by its lead time: forecast=direct";
  require(has_same_fields(spec),
          "'",
          name,
          "' cannot be rolled out: it reads ",
          spec.input_fields.describe(),
          " but predicts ",
          spec.output_fields.describe(),
          "; train it with data.target_fields: [] and data.input_fields: [], or ",
          kDirect);
  require(has_same_grid(spec),
          "'",
          name,
          "' cannot be rolled out: it reads ",
          spec.input_grid.describe(),
          " but predicts ",
          spec.output_grid.describe(),
          "; ",
          kDirect);
}

std::shared_ptr<StateSpec const> output_spec(BatchSpec const& spec) {
  auto const& sharding = spec.output_sharding();
  auto const block = sharding ? sharding->block() : whole_block(spec.output_grid.shape());
  return std::make_shared<StateSpec const>(StateSpec{.fields = spec.output_fields,
                                                     .grid = spec.output_grid,
                                                     .block = block,
                                                     .time_unit = spec.time_unit});
}

}  // namespace

SurrogateStepper::SurrogateStepper(SurrogateSetup setup, std::unique_ptr<Forcing> forcing)
    : setup_(std::move(setup)), forcing_(std::move(forcing)) {
  if (setup_.forecast == Forecast::iterated) {
    require_closed(*setup_.spec, setup_.name);
  } else if (!has_same_fields(*setup_.spec) || !has_same_grid(*setup_.spec)) {
    open_ = output_spec(*setup_.spec);
  }
  require(setup_.normaliser->kind() != Normalisation::oracle,
          "'",
          setup_.name,
          "' was trained with data.normalisation=oracle, which uses the future: it cannot "
          "forecast; train it with dataset "
          "or window");
  setup_.surrogate->eval();
  frozen_ = setup_.surrogate->freeze(setup_.precision);
  if (forcing_) {
    constants_ = forcing_->constants();
    scalars_ = forcing_->scalars();
  }
}

Batch SurrogateStepper::make_batch(Start const& start) {
  auto const& window = start.window;
  auto const device = window.device();
  Batch batch{
      .input = setup_.inputs.of(window), .global_size = window.size(0), .spec = setup_.spec};
  if (setup_.missing == Missing::mask) {
    batch.absent = setup_.outputs.of(missing_throughout(window));
  }
  if (auto const known = forcing_ ? forcing_->known(start.times) : at::Tensor(); known.defined()) {
    batch.input = at::cat({batch.input, sent(known, device)}, 2);
  }
  auto const& sharding = setup_.spec->sharding;
  batch.input_norm =
      setup_.normaliser->input_norm(batch.input, sharding ? sharding->group() : Mesh::Group());
  batch.target_norm = setup_.normaliser->target_norm(batch.input_norm);
  auto const fill = setup_.normaliser->kind() == Normalisation::window
                        ? batch.input_norm.mean
                        : sent(setup_.normaliser->training_mean().unsqueeze(0), device);
  batch.input = batch.input.clone();
  fill_missing(batch.input, fill);
  batch.constants = constants_.defined() ? sent(constants_, device) : constants_;
  batch.scalars = scalars_.defined() ? sent(scalars_, device) : scalars_;
  batch.lead_time = at::full(
      {window.size(0)}, setup_.interval * static_cast<double>(start.steps), window.options());
  for (int64_t i = 0; i < window.size(0); ++i) {
    batch.sample_ids.push_back(i);
  }
  return normalised(std::move(batch));
}

SurrogateStepper::Start SurrogateStepper::next_start(History const& history) {
  auto const needed = this->history();
  require(history.size() >= needed,
          "'",
          name(),
          "' needs ",
          needed,
          " frames to start from, there are ",
          history.size());
  if (first_.steps > 0) {
    ++first_.steps;
    first_.window = first_.window.to(history.newest().values.device());  // load() gives the host's
    return first_;
  }
  auto const window = history.window();
  auto times = history.times();
  times.erase(times.begin(), times.end() - needed);
  Start start{window.narrow(1, window.size(1) - needed, needed), std::move(times), 1};
  if (setup_.forecast == Forecast::direct) {
    start.window = start.window.clone();  // the history will write over it
    first_ = start;
  }
  return start;
}

State SurrogateStepper::advance(History& history) {
  c10::InferenceMode const inference;
  auto const start = next_start(history);
  auto const batch = make_batch(start);
  auto const input = network_input(batch, setup_.rule);
  auto const output = frozen_ ? frozen_->predict(input)
                              : setup_.surrogate->predict(input, {.precision = setup_.precision});
  auto const predicted = state_of(output, batch, setup_.rule);
  auto frame = batch.target_norm.restore(predicted.select(1, 0).to(start.window.scalar_type()));
  if (batch.absent.defined()) {
    frame.masked_fill_(batch.absent, std::numeric_limits<double>::quiet_NaN());
  }
  frame = setup_.fit.renew(frame);
  auto const time = start.times.back() + setup_.interval * static_cast<double>(start.steps);
  if (open_) {
    return {frame, time, open_};
  }
  history.push(frame, time);
  return history.newest();
}

at::Tensor SurrogateStepper::predicted(at::Tensor const& values) const {
  return open_ ? setup_.outputs.of(values) : values;
}

std::map<std::string, at::Tensor> SurrogateStepper::save() const {
  if (first_.steps == 0) {
    return {};
  }
  auto const times = at::tensor(first_.times, at::kDouble).unsqueeze(0);
  auto const count = first_.window.size(0);
  return {{"start", first_.window},
          {"start_times", times.repeat({count, 1})},
          {"steps", at::full({count}, first_.steps, at::kLong)}};
}

void SurrogateStepper::load(std::map<std::string, at::Tensor> const& memory) {
  if (setup_.forecast != Forecast::direct || memory.empty()) {
    return;
  }
  for (auto const* name : {"start", "start_times", "steps"}) {
    require(memory.contains(name),
            "the rollout keeps no '",
            name,
            "' to go on from, which a direct forecast needs; begin it anew with --overwrite");
  }
  auto const times = memory.at("start_times")[0].to(at::kDouble).contiguous();
  first_ = {memory.at("start"),
            {times.const_data_ptr<double>(), times.const_data_ptr<double>() + times.numel()},
            memory.at("steps")[0].item<int64_t>()};
}

}  // namespace eddyline
