// A network, data and a trainer's parts so small that every test of this folder takes milliseconds.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "core/communicator.hpp"
#include "core/random.hpp"
#include "tests/workflows/tiny_data.hpp"
#include "workflows/training/trainer.hpp"

namespace eddyline::tiny {

/// Two linear maps of the channels with keyed dropout between; one parameter that only even sample
/// numbers use, and one that nothing uses.
class Network final : public Surrogate {
 public:
  explicit Network(int64_t channels = 2, double dropout = 0.1)
      : channels_(channels), dropout_(dropout) {
    at::NoGradGuard const no_grad;
    inner_ = make("inner", {16, channels});
    bias_ = make("bias", {16});
    outer_ = make("outer", {channels, 16});
    even_ = make("even", {channels});
    never_ = make("never", {3});
  }

  at::Tensor predict(Batch const& batch, Context const& context) override {
    auto const x = batch.input.select(1, -1).permute({0, 2, 3, 4, 1});  // (B, D, H, W, C)
    auto const type = context.precision == Precision::bf16 ? at::kBFloat16 : x.scalar_type();
    auto hidden = at::tanh(at::linear(x.to(type), inner_.to(type), bias_.to(type)));
    if (is_training() && dropout_ > 0) {
      auto mask = at::empty(hidden.sizes(), at::kFloat);
      fill_uniform(mask, {context.random.seed, context.random.step, 1}, batch.sample_ids);
      hidden = hidden * mask.ge(dropout_).to(type) / (1 - dropout_);
    }
    auto y = x + at::linear(hidden, outer_.to(type)).to(x.scalar_type());
    for (size_t i = 0; i < batch.sample_ids.size(); ++i) {
      if (batch.sample_ids[i] % 2 == 0 && uses_even) {
        auto select = at::zeros({batch.size(), 1, 1, 1, 1}, x.options());
        select[static_cast<int64_t>(i)] = 1;
        y = y + select * even_;
      }
    }
    return y.permute({0, 4, 1, 2, 3}).unsqueeze(1);
  }
  std::string config() const override { return "channels: " + std::to_string(channels_) + "\n"; }
  int64_t history() const override { return 1; }
  std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }
  std::vector<ParameterGroup> parameter_groups() const override {
    return {{"all", {"inner", "bias", "outer", "even", "never"}}};
  }

  bool uses_even = true;

 private:
  at::Tensor make(std::string const& name, std::vector<int64_t> const& shape) {
    auto value = at::empty(shape, at::kFloat);
    fill_normal(value.view({1, -1}), {7, 0, static_cast<uint64_t>(parameters().size())}, {0});
    return register_parameter(name, value.mul_(0.3));
  }

  int64_t channels_;
  double dropout_;
  at::Tensor inner_, bias_, outer_, even_, never_;
};

/// Samples in memory: frame j+1 is a rotation of the channels of frame j, slightly damped; sample
/// n's first frame is drawn from stream n. Shuffled by epoch; each rank gets a contiguous share.
class Source final : public BatchSource {
 public:
  struct Options {
    int64_t samples = 13;
    int64_t batch = 6;
    int64_t horizon = 1;
    uint64_t seed = 3;
    at::ScalarType type = at::kFloat;
    std::vector<double> scale = {1, 1};  ///< physical units of a normalised one, by channel
  };

  Source(Options options, Communicator const& ranks)
      : options_(options), ranks_(ranks), spec_(tiny::spec()) {}

  int64_t batches() const override {
    return (options_.samples + options_.batch - 1) / options_.batch;
  }
  int64_t samples(int64_t batch) const override {
    return std::clamp<int64_t>(options_.samples - batch * options_.batch, 0, options_.batch);
  }
  void start(int64_t epoch, int64_t first_batch) override {
    order_ = permutation(options_.samples, {options_.seed, static_cast<uint64_t>(epoch), 0});
    next_ = first_batch;
  }
  std::optional<Batch> next() override {
    auto const count = samples(next_);
    auto const share = [&](int64_t rank) { return count * rank / ranks_.size(); };
    std::vector<int64_t> ids;
    for (auto i = share(ranks_.rank()); i < share(ranks_.rank() + 1); ++i) {
      ids.push_back(order_[static_cast<size_t>(next_ * options_.batch + i)]);
    }
    ++next_;
    return ids.empty() ? std::nullopt : std::optional<Batch>(make(ids));
  }
  BatchSpec const& spec() const override { return *spec_; }
  double wait_seconds() const override { return 0; }

  Batch make(std::vector<int64_t> const& ids) const {
    auto const n = static_cast<int64_t>(ids.size());
    auto first = at::empty({n, 2, 1, 4, 4}, at::kFloat);
    fill_normal(first, {options_.seed, 99, 5}, ids);
    auto frame = first.to(options_.type);
    std::vector<at::Tensor> targets;
    for (int64_t j = 0; j < options_.horizon; ++j) {
      frame = at::stack({frame.select(1, 0) * 0.8 - frame.select(1, 1) * 0.5,
                         frame.select(1, 0) * 0.5 + frame.select(1, 1) * 0.8},
                        1);
      targets.push_back(frame);
    }
    Batch batch;
    batch.input = first.to(options_.type).unsqueeze(1);
    batch.target = at::stack(targets, 1);
    batch.input_norm = {at::zeros({1, 2}, options_.type),
                        at::tensor(options_.scale, options_.type).view({1, 2})};
    batch.target_norm = batch.input_norm;
    batch.lead_time = at::ones({n}, options_.type);
    batch.sample_ids = ids;
    batch.spec = spec_;
    return batch;
  }

 private:
  Options options_;
  Communicator const& ranks_;
  std::shared_ptr<BatchSpec> spec_;
  std::vector<int64_t> order_;
  int64_t next_ = 0;
};

/// Quiet settings: 9 steps, constant rate, several buckets, neither validation nor checkpoints but
/// at the end.
inline TrainConfig config() {
  TrainConfig config;
  config.steps = 9;
  config.seed = 11;
  config.schedule.kind = ScheduleKind::constant;
  config.schedule.peak = 1e-2;
  config.validate.every_epochs = 0;
  config.checkpoint.every_epochs = 0;
  config.bucket_megabytes = 1e-4;  // 100 bytes: a bucket for nearly every parameter
  config.log_every = 2;
  return config;
}

inline std::map<std::string, at::Tensor> weights(Surrogate const& network) {
  std::map<std::string, at::Tensor> result;
  for (auto const& item : network.named_parameters()) {
    result[item.key()] = item.value().detach().clone();
  }
  return result;
}

}  // namespace eddyline::tiny
