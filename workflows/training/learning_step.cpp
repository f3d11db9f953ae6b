#include "workflows/training/learning_step.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "core/random.hpp"
#include "data/sharding/block_noise.hpp"

namespace eddyline {
namespace {

/// Purpose of the stream of input noise, far from any layer number.
constexpr uint64_t kNoiseStream = 0x6e6f697365;

void add_noise(Batch& batch, double deviation, RandomKey key) {
  auto noise = at::empty(batch.input.sizes(), batch.input.options().dtype(at::kFloat));
  key.layer = kNoiseStream;
  if (batch.spec && batch.spec->sharding) {
    fill_normal(noise, key, batch.sample_ids, batch.spec->sharding->block());
  } else {
    fill_normal(noise, key, batch.sample_ids);
  }
  // Known channels (time of day, coordinates) come after the state's; they are exact.
  auto const known = batch.forcing.defined() ? batch.forcing.size(2) : 0;
  auto const state = batch.input.size(2) - known;
  noise.narrow(2, state, known).zero_();
  batch.input = batch.input.add(noise, deviation);
}

std::unique_ptr<Adapter> make_adapter(Surrogate& surrogate, TrainConfig const& config) {
  return config.adapt.is_active()
             ? std::make_unique<Adapter>(
                   surrogate, config.adapt, config.fresh, static_cast<uint64_t>(config.seed))
             : nullptr;
}

AdamW make_optimiser(std::vector<TrainedParameter> parameters,
                     AdamWConfig const& config,
                     TrainingRanks const& ranks) {
  std::unique_ptr<OptimiserShards> shards;
  if (ranks.moments == MomentsOn::one_rank && ranks.all.size() > 1 && !parameters.empty()) {
    std::vector<at::Tensor> values;
    for (auto const& parameter : parameters) {
      values.push_back(parameter.value);
    }
    shards = std::make_unique<OptimiserShards>(values, ranks.all);
  }
  return {std::move(parameters), config, std::move(shards)};
}

/// Adds a parameter, or the update that is trained instead; nothing if an adapter freezes it.
void add_trained(std::vector<TrainedParameter>& trained,
                 TrainedParameter parameter,
                 Adapter const* adapter) {
  if (adapter == nullptr || adapter->trains(parameter.name)) {
    parameter.value.set_requires_grad(true);
    trained.push_back(std::move(parameter));
  } else if (auto const* update = adapter->update_of(parameter.name)) {
    for (auto const& [suffix, value] : {std::pair(".A", update->a), std::pair(".B", update->b)}) {
      trained.push_back(
          {parameter.name + suffix, value, parameter.learning_rate_scale, parameter.weight_decay});
    }
  }
}

}  // namespace

std::vector<TrainedParameter> trained_parameters(Surrogate& surrogate,
                                                 double weight_decay,
                                                 Adapter const* adapter) {
  std::map<std::string, ParameterGroup const*> group_of;
  auto const groups = surrogate.parameter_groups();
  for (auto const& group : groups) {
    for (auto const& name : group.parameters) {
      require(group_of.emplace(name, &group).second,
              "parameter '",
              name,
              "' is in two parameter groups");
    }
  }
  std::vector<TrainedParameter> trained;
  for (auto& item : surrogate.named_parameters()) {
    auto const found = group_of.find(item.key());
    item.value().set_requires_grad(false);
    TrainedParameter parameter{
        .name = item.key(), .value = item.value(), .weight_decay = weight_decay};
    if (found != group_of.end()) {
      auto const& group = *found->second;
      parameter.learning_rate_scale = group.learning_rate_scale;
      parameter.weight_decay = group.weight_decay < 0 ? weight_decay : group.weight_decay;
      group_of.erase(found);
      add_trained(trained, std::move(parameter), adapter);
    } else if (adapter != nullptr && adapter->update_of(item.key()) != nullptr) {
      add_trained(trained, std::move(parameter), adapter);
    }
  }
  require(group_of.empty(),
          "parameter group '",
          group_of.empty() ? "" : group_of.begin()->second->name,
          "' names '",
          group_of.empty() ? "" : group_of.begin()->first,
          "', which the network does not have");
  return trained;
}

LearningStep::LearningStep(std::shared_ptr<Surrogate> surrogate,
                           TargetRule rule,
                           Loss loss,
                           TrainConfig const& config,
                           TrainingRanks const& ranks)
    : surrogate_(std::move(surrogate)),
      rule_(std::move(rule)),
      loss_(std::move(loss)),
      config_(config),
      adapter_(make_adapter(*surrogate_, config)),
      optimiser_(
          make_optimiser(trained_parameters(*surrogate_, config.adamw.weight_decay, adapter_.get()),
                         config.adamw,
                         ranks)),
      reducer_(
          optimiser_.parameters(), ranks.all, static_cast<int64_t>(config.bucket_megabytes * 1e6)) {
}

int64_t LearningStep::unroll_at(int64_t step) const {
  auto const& unroll = config_.unroll;
  return unroll.grow_every == 0 ? unroll.steps
                                : std::min(unroll.steps, 1 + step / unroll.grow_every);
}

Context LearningStep::context(int64_t step) const {
  return {
      .random = {.seed = static_cast<uint64_t>(config_.seed), .step = static_cast<uint64_t>(step)},
      .precision = config_.precision,
      .activations = config_.activations};
}

at::Tensor LearningStep::predict(Batch const& batch, Context context, int64_t steps) {
  auto frames = std::vector<at::Tensor>();
  auto current = batch;
  auto const first = context.random.step * kMaxUnroll;
  for (int64_t k = 0; k < steps; ++k) {
    context.random.step = first + static_cast<uint64_t>(k);
    bool const is_given = config_.unroll.gradients == Through::last && k + 1 < steps;
    at::AutoGradMode const with_graph(at::GradMode::is_enabled() && !is_given);
    frames.push_back(predict_state(*surrogate_, current, context, rule_));
    if (k + 1 < steps) {
      current = slide_input(current, frames.back());
    }
  }
  return frames.size() == 1 ? frames[0] : at::cat(frames, 1);
}

at::Tensor LearningStep::loss_of(at::Tensor const& prediction,
                                 Batch const& batch,
                                 int64_t steps) const {
  EDDYLINE_ENSURE(prediction.size(1) <= batch.target.size(1),
                  "the network predicts ",
                  prediction.size(1),
                  " frames, the batch has ",
                  batch.target.size(1));
  auto const all = prediction.size(1);
  auto const counted = config_.unroll.gradients == Through::last ? all / steps : all;
  return loss_.per_sample(prediction.narrow(1, all - counted, counted),
                          batch.target.narrow(1, all - counted, counted),
                          batch);
}

at::Tensor LearningStep::part_of_loss(Batch batch, StepOrder const& order) {
  auto const keys = context(order.step);
  if (config_.noise > 0) {
    add_noise(batch, config_.noise, keys.random);
  }
  if (adapter_) {
    adapter_->attach();
  }
  auto const steps = unroll_at(order.step);
  auto const prediction = predict(batch, keys, steps);
  return loss_of(prediction, batch, steps).sum() / static_cast<double>(order.samples);
}

StepResult LearningStep::take(BatchSource& source, StepOrder const& order) {
  surrogate_->train();
  optimiser_.clear_gradients();
  StepResult result;
  for (int64_t part = 0; part < order.batches; ++part) {
    auto batch = source.next();
    auto const loss =
        batch && batch->size() > 0 ? part_of_loss(std::move(*batch), order) : at::Tensor();
    reducer_.backward(loss, part + 1 < order.batches ? Reduce::later : Reduce::now);
    if (loss.defined()) {
      result.loss = result.loss.defined() ? result.loss + loss.detach() : loss.detach();
    }
  }
  if (!result.loss.defined()) {
    result.loss = at::zeros(
        {}, optimiser_.parameters()[0].value.options().dtype(at::kFloat).requires_grad(false));
  }
  auto const gradients = optimiser_.gradients();
  result.gradient_norm = gradient_norm(gradients);
  if (config_.clip > 0) {
    clip_gradients(gradients, result.gradient_norm, config_.clip);
  }
  optimiser_.step(order.learning_rate);
  if (adapter_) {
    adapter_->settle();
  }
  return result;
}

}  // namespace eddyline
