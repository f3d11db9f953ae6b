#include "workflows/training/validation.hpp"

#include <algorithm>
#include <limits>
#include <memory>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/entries.hpp"
#include "core/error.hpp"
#include "workflows/metrics/registry.hpp"

namespace eddyline {
namespace {

/// Channels of the output fields among the inputs; empty if one of them is not an input.
std::vector<int64_t> persistent_channels(BatchSpec const& spec) {
  std::vector<std::string> names;
  for (auto const& field : spec.output_fields.fields()) {
    auto const& inputs = spec.input_fields.fields();
    if (std::none_of(inputs.begin(), inputs.end(), [&](auto const& input) {
          return input.name == field.name;
        })) {
      return {};
    }
    names.push_back(field.name);
  }
  return spec.input_grid == spec.output_grid ? spec.input_fields.channels_of(names)
                                             : std::vector<int64_t>{};
}

/// Measures model and persistence in physical units, first frame only.
class OneStepScore {
 public:
  explicit OneStepScore(BatchSpec const& spec)
      : channels_(persistent_channels(spec)),
        model_(metric_entry("vrmse.well").make(spec.output_grid)),
        persistence_(metric_entry("vrmse.well").make(spec.output_grid)) {}

  void update(Batch const& batch, at::Tensor const& prediction) {
    auto const target = batch.target_norm.restore(batch.target.select(1, 0));
    Comparison comparison{
        .prediction = batch.target_norm.restore(prediction.select(1, 0).to(target.scalar_type())),
        .target = target,
        .mask = batch.mask,
        .trajectories = batch.sample_ids,
        .climatology = {},
        .sharding = batch.spec->output_sharding()};
    model_->update(comparison);
    if (!channels_.empty()) {
      auto const newest = batch.input_norm.restore(batch.input.select(1, -1));
      comparison.prediction = take_entries(newest, 1, channels_);
      persistence_->update(comparison);
    }
  }

  void finish(ValidationResult& result, Communicator const& ranks) const {
    auto const model = model_->result(ranks).at("vrmse.well");
    result.model = model.channels;
    result.model_mean = model.overall;
    if (!channels_.empty()) {
      auto const persistence = persistence_->result(ranks).at("vrmse.well");
      result.persistence = persistence.channels;
      result.persistence_mean = persistence.overall;
    }
  }

 private:
  std::vector<int64_t> channels_;
  std::unique_ptr<Metric> model_;
  std::unique_ptr<Metric> persistence_;
};

}  // namespace

std::string channel_of(std::string const& set, std::string const& channel) {
  return set.empty() ? channel : set + "." + channel;
}

ValidationResult joined(std::vector<std::pair<std::string, ValidationResult>> const& results) {
  ValidationResult all;
  auto const append = [](auto& to, auto const& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  bool has_persistence = true;
  for (auto const& [set, result] : results) {
    for (auto const& channel : result.channels) {
      all.channels.push_back(channel_of(set, channel));
    }
    append(all.model, result.model);
    append(all.persistence, result.persistence);
    has_persistence = has_persistence && !result.persistence.empty();
    auto const share = 1 / static_cast<double>(results.size());
    all.loss += result.loss * share;
    all.model_mean += result.model_mean * share;
    all.persistence_mean += result.persistence_mean * share;
    if (!set.empty()) {
      all.losses[set] = result.loss;
    }
  }
  if (!has_persistence) {
    all.persistence.clear();
    all.persistence_mean = 0;
  }
  return all;
}

ValidationResult validate(LearningStep& learner,
                          BatchSource& source,
                          int64_t batches,
                          Communicator const& ranks) {
  at::NoGradGuard const no_grad;
  learner.surrogate().eval();
  ValidationResult result;
  OneStepScore score(source.spec());
  result.channels = source.spec().output_fields.channel_names();
  std::array<double, 2> sums = {0, 0};  // of losses, of samples
  auto const steps = learner.unroll_at(std::numeric_limits<int64_t>::max() - 1);
  auto const count = batches == 0 ? source.batches() : std::min(batches, source.batches());
  source.start(0, 0);
  for (int64_t i = 0; i < count; ++i) {
    auto const batch = source.next();
    if (!batch || batch->size() == 0) {
      continue;
    }
    auto const prediction = learner.predict(*batch, learner.context(0), steps);
    sums[0] += learner.loss_of(prediction, *batch, steps).sum().item<double>();
    sums[1] += static_cast<double>(batch->size());
    score.update(*batch, prediction);
  }
  ranks.all_reduce(sums);
  EDDYLINE_ENSURE(sums[1] > 0, "validation saw no sample");
  auto const& sharding = source.spec().sharding;
  auto const sharing =
      sharding ? sharding->mesh().domain().size() : 1;  // ranks that count a sample
  result.loss = sums[0] * sharing / sums[1];
  score.finish(result, sharding ? sharding->mesh().data() : ranks);
  return result;
}

}  // namespace eddyline
