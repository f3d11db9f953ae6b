#include "data/pipeline/normaliser.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "core/entries.hpp"
#include "core/error.hpp"
#include "core/transfer.hpp"
#include "data/sharding/collectives.hpp"

namespace eddyline {
namespace {

constexpr double kConstantShare = 1e-6;  // of the rms: variations below are float32 round-off
constexpr double kWindowFloor = 1e-3;    // of the training std
constexpr double kOracleEpsilon = 1e-6;  // MORPH's

at::Tensor to_tensor(std::vector<double> const& values) {
  return at::tensor(values, at::kDouble).to(at::kFloat);
}

/// std where it is one, else `otherwise`.
std::vector<double> safe_scale(std::vector<double> const& std,
                               std::vector<double> const& rms,
                               std::vector<double> const& otherwise) {
  auto scale = std;
  for (size_t i = 0; i < scale.size(); ++i) {
    if (!(std[i] > kConstantShare * rms[i])) {
      scale[i] = otherwise[i];
    }
  }
  return scale;
}

/// The state's fields of a spec: all inputs that are not known.
FieldSet state_fields_of(BatchSpec const& spec) {
  auto fields = spec.input_fields.fields();
  fields.resize(fields.size() - spec.known_fields.fields().size());
  return FieldSet(std::move(fields));
}

/// All components of a field get the mean and variance of the field: (B, C) → (B, C).
void pool_fields(at::Tensor& mean, at::Tensor& variance, FieldSet const& fields) {
  mean = mean.clone();
  for (size_t i = 0; i < fields.fields().size(); ++i) {
    auto const m = mean.narrow(1, fields.first_channel(i), fields.fields()[i].count());
    auto const v = variance.narrow(1, fields.first_channel(i), fields.fields()[i].count());
    auto const centre = m.mean(1, /*keepdim=*/true);
    v.copy_((v + (m - centre).square()).mean(1, true).expand_as(v).clone());
    m.copy_(centre.expand_as(m).clone());
  }
}

std::vector<std::string> names_of(FieldSet const& fields) {
  std::vector<std::string> names;
  for (auto const& field : fields.fields()) {
    names.push_back(field.name);
  }
  return names;
}

/// Over those axes and the ranks of the group, missing values left out; axes stay, of length 1.
at::Tensor mean_of(at::Tensor const& values,
                   std::vector<int64_t> const& over,
                   Mesh::Group const& group) {
  if (!group) {
    return values.nanmean(over, /*keepdim=*/true);
  }
  auto const counts = values.isnan().logical_not().to(at::kDouble).sum(over, /*keepdim=*/true);
  auto const sums = values.nansum(over, /*keepdim=*/true, at::kDouble);
  auto const all = sum_over(at::stack({sums, counts}), group);
  return (all[0] / all[1]).to(values.scalar_type());
}

}  // namespace

Normaliser::Normaliser(Normalisation kind,
                       Pooling pooling,
                       Statistics const& statistics,
                       BatchSpec const& spec)
    : kind_(kind),
      pooling_(pooling),
      state_fields_(state_fields_of(spec)),
      known_(spec.known_fields.channels()) {
  auto const own = with_context([&] { return statistics.select(state_fields_.channel_names()); },
                                "normalising '",
                                spec.dataset,
                                "'");
  auto const scaled = pooling == Pooling::field ? own.pooled(state_fields_) : own;
  scale_outputs(statistics, spec.output_fields);
  auto mean = own.mean;
  auto pooled_mean = scaled.mean;
  auto scale = safe_scale(scaled.std, scaled.rms, std::vector<double>(scaled.std.size(), 1.0));
  floor_ = to_tensor(scale) * kWindowFloor;
  for (auto const& name : spec.known_fields.channel_names()) {
    auto const at =
        std::find(statistics.constant_channels.begin(), statistics.constant_channels.end(), name);
    auto const index = static_cast<size_t>(at - statistics.constant_channels.begin());
    bool const is_constant = at != statistics.constant_channels.end();
    mean.push_back(is_constant ? statistics.constant_mean[index] : 0);
    pooled_mean.push_back(mean.back());
    auto const std = is_constant ? statistics.constant_std[index] : 1;
    scale.push_back(is_constant && !(std > kConstantShare * statistics.constant_rms[index]) ? 1
                                                                                            : std);
  }
  training_mean_ = to_tensor(mean);
  bool const none = kind == Normalisation::none;
  mean_ = none ? at::zeros_like(training_mean_) : to_tensor(pooled_mean);
  scale_ = none ? at::ones_like(training_mean_) : to_tensor(scale);
}

void Normaliser::scale_outputs(Statistics const& statistics, FieldSet const& outputs) {
  auto const inputs = names_of(state_fields_);
  auto const names = names_of(outputs);
  bool const are_inputs = std::all_of(names.begin(), names.end(), [&](auto const& name) {
    return std::find(inputs.begin(), inputs.end(), name) != inputs.end();
  });
  require(are_inputs || kind_ == Normalisation::none || kind_ == Normalisation::dataset,
          "data.normalisation is ",
          enum_name(kind_),
          ", which scales the target by the input frames, but the network is not given all of ",
          outputs.describe(),
          "; use dataset");
  if (are_inputs) {
    outputs_ = state_fields_.channels_of(names);
  }
  auto const own = statistics.select(outputs.channel_names());
  auto const scaled = pooling_ == Pooling::field ? own.pooled(outputs) : own;
  auto const scale =
      safe_scale(scaled.std, scaled.rms, std::vector<double>(scaled.std.size(), 1.0));
  bool const none = kind_ == Normalisation::none;
  output_norm_.mean = to_tensor(none ? std::vector<double>(scale.size(), 0.0) : scaled.mean);
  output_norm_.scale = to_tensor(none ? std::vector<double>(scale.size(), 1.0) : scale);
  mean_delta_ = to_tensor(scaled.mean_delta) / output_norm_.scale;
  scale_delta_ =
      to_tensor(safe_scale(scaled.std_delta, scaled.rms_delta, scale)) / output_norm_.scale;
}

Affine Normaliser::window_norm(at::Tensor const& state, Mesh::Group const& group) const {
  std::vector<int64_t> const over = {1, 3, 4, 5};
  auto mean = mean_of(state, over, group);                                   // (B, 1, C, 1, 1, 1)
  auto variance = mean_of((state - mean).square(), over, group).flatten(1);  // (B, C)
  mean = mean.flatten(1);
  if (pooling_ == Pooling::field) {
    pool_fields(mean, variance, state_fields_);
  }
  auto const train = sent(mean_.narrow(0, 0, state_fields_.channels()), state.device());
  auto const floor = sent(floor_, state.device());
  mean = at::where(mean.isnan(), train, mean);  // a window without any value
  return {mean, (variance.nan_to_num(0) + floor.square()).sqrt()};
}

Affine Normaliser::input_norm(at::Tensor const& input, Mesh::Group const& group) const {
  return kind_ == Normalisation::window
             ? joined_norm(input, window_norm(input.narrow(2, 0, state_fields_.channels()), group))
             : input_norm(input, Affine{});
}

Affine Normaliser::input_norm(at::Tensor const& input, Affine const& state_norm) const {
  if (kind_ == Normalisation::window) {
    return input_norm(input, Mesh::Group());
  }
  if (kind_ != Normalisation::oracle) {
    return {sent(mean_.unsqueeze(0), input.device()), sent(scale_.unsqueeze(0), input.device())};
  }
  require(state_norm.mean.defined(),
          "data.normalisation=oracle needs the whole trajectory, which a forecast does not have; "
          "use dataset or window");
  return joined_norm(
      input, {sent(state_norm.mean, input.device()), sent(state_norm.scale, input.device())});
}

Affine Normaliser::joined_norm(at::Tensor const& input, Affine const& state) const {
  auto const channels = state_fields_.channels();
  EDDYLINE_ENSURE(input.size(2) == channels + known_, "input has ", input.size(2), " channels");
  Affine const fixed = {sent(mean_.unsqueeze(0), input.device()),
                        sent(scale_.unsqueeze(0), input.device())};
  auto const rows = state.mean.size(0);
  return {
      at::cat({state.mean, fixed.mean.narrow(1, channels, known_).expand({rows, known_})}, 1),
      at::cat({state.scale, fixed.scale.narrow(1, channels, known_).expand({rows, known_})}, 1)};
}

Affine Normaliser::target_norm(Affine const& input) const {
  if (outputs_.empty()) {
    auto const device = input.mean.device();
    return {sent(output_norm_.mean.unsqueeze(0), device),
            sent(output_norm_.scale.unsqueeze(0), device)};
  }
  return {take_entries(input.mean, 1, outputs_), take_entries(input.scale, 1, outputs_)};
}

Affine Normaliser::increment_norm(at::Device device) const {
  return {sent(mean_delta_.unsqueeze(0), device), sent(scale_delta_.unsqueeze(0), device)};
}

Affine oracle_norm(at::Tensor const& trajectory, FieldSet const& fields, Mesh::Group const& group) {
  std::vector<int64_t> const over = {0, 2, 3, 4};
  auto const values = trajectory.to(at::kDouble);
  auto mean = mean_of(values, over, group);
  auto variance = mean_of((values - mean).square(), over, group).view({1, -1});
  mean = mean.view({1, -1});
  pool_fields(mean, variance, fields);
  return {mean.to(at::kFloat), (variance + kOracleEpsilon).sqrt().to(at::kFloat)};
}

at::Tensor missing_throughout(at::Tensor const& frames) {
  return frames.isnan().all(1);
}

void fill_missing(at::Tensor const& values, at::Tensor const& fill) {
  auto const rows = fill.dim() == 1 ? fill.unsqueeze(0) : fill;
  auto const shaped = rows.view({rows.size(0), 1, rows.size(1), 1, 1, 1});
  values.copy_(at::where(values.isnan(), shaped, values));
}

Batch normalised(Batch batch) {
  batch.input = batch.input_norm.normalise(batch.input);
  if (batch.target.defined()) {
    batch.target = batch.target_norm.normalise(batch.target);
  }
  if (batch.forcing.defined()) {
    auto const known = batch.forcing.size(2);
    auto const first = batch.input_norm.mean.size(1) - known;
    Affine const norm = {batch.input_norm.mean.narrow(1, first, known).contiguous(),
                         batch.input_norm.scale.narrow(1, first, known).contiguous()};
    batch.forcing = norm.normalise(batch.forcing);
  }
  return batch;
}

}  // namespace eddyline
