#include "surrogates/gphyt/gphyt.hpp"

#include <cmath>
#include <numeric>

#include <ATen/ATen.h>

#include "surrogates/gphyt/frozen.hpp"
#include "surrogates/layers/initial.hpp"
#include "surrogates/layers/recompute.hpp"

namespace eddyline {
namespace {

constexpr double kTableDeviation = 0.02;
constexpr uint64_t kMostEvaluations = 4;  // of the rate in one step

}  // namespace

Gphyt::Gphyt(GphytConfig const& config, SurrogateSpec const& spec, uint64_t seed)
    : Surrogate("gphyt"), config_(checked(config)), window_(config_, spec) {
  auto const shape = shape_of(config_);
  auto const fields = window_.fields();
  tokenizer_ = register_module(
      "tokenizer",
      std::make_shared<GphytTokenizer>(config_, config_.derivatives ? 4 * fields : fields));
  if (window_.table()) {
    init_pos_encodings_ = register_module(
        "init_pos_encodings", std::make_shared<GphytTable>(*window_.table(), shape.hidden_dim));
  }
  auto const list = register_module("attention_blocks", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < shape.num_layers; ++i) {
    blocks_.push_back(
        list->register_module(std::to_string(i), std::make_shared<GphytBlock>(config_, i)));
  }
  detokenizer_ =
      register_module("detokenizer", std::make_shared<GphytDetokenizer>(config_, fields));
  initialise(seed);
}

void Gphyt::initialise(uint64_t seed) {
  auto const items = named_parameters();
  uint64_t index = 0;
  for (auto const& item : items) {
    auto const& name = item.key();
    auto const& parameter = item.value();
    RandomKey const key{.seed = seed, .step = kInitialStep, .layer = index++};
    if (name.ends_with(".pe")) {
      fill_gaussian(parameter, kTableDeviation, key);
      continue;
    }
    if (name.ends_with("in_proj_weight")) {  // Xavier
      fill_symmetric(parameter,
                     std::sqrt(6.0 / static_cast<double>(parameter.size(0) + parameter.size(1))),
                     key);
      continue;
    }
    bool const is_bias = name.ends_with(".bias");
    bool const stays_zero = name.ends_with("in_proj_bias") || name.ends_with("out_proj.bias");
    auto const weight =
        is_bias && !stays_zero ? items[name.substr(0, name.size() - 4) + "weight"] : parameter;
    // A weight of one axis is a norm's: it and its bias stay 1 and 0.
    if (!stays_zero && weight.dim() > 1) {
      fill_symmetric(parameter, 1 / std::sqrt(fan_in(weight)), key);
    }
  }
}

at::Tensor Gphyt::derivatives_of(at::Tensor const& x, Sharding const* cells) const {
  return config_.derivatives ? differences(x, config_.differences, cells) : at::Tensor();
}

at::Tensor Gphyt::run_blocks(at::Tensor const& tokens,
                             int64_t rows,
                             Pass const& pass,
                             GphytTrace* trace) const {
  auto const dim = tokens.size(4);
  auto const sizes = tokens.sizes().vec();
  auto const times = config_.history / config_.time_patch;
  auto inner = pass;
  std::shared_ptr<SplitAttention const> split;
  if (pass.sharding) {
    inner.sharding = std::make_shared<Sharding const>(window_.in_patches(*pass.sharding));
    split = std::make_shared<SplitAttention const>(*inner.sharding, shape_of(config_).num_heads);
  }
  auto const* const patches = inner.sharding.get();
  GphytRotation turn;
  auto h = tokens;
  if (init_pos_encodings_) {
    h = h + own_rows(init_pos_encodings_->pe, patches).narrow(1, times - sizes[1], sizes[1]);
  } else {
    turn = rotation({times, sizes[2], sizes[3]}, dim, tokens.options(), patches).last(sizes[1]);
  }
  h = h.flatten(2, 3);  // (B, n_t, n, C)
  for (size_t i = 0; i < blocks_.size(); ++i) {
    auto const wanted = i + 1 == blocks_.size() ? rows : h.size(1);
    h = run_segment(pass, *blocks_[i], {h}, [=, block = blocks_[i]](auto const& in) {
      return block->forward(in[0], wanted, turn, inner, split);
    });
    if (trace && i == 0) {
      trace->after_block0 = h.unflatten(2, {sizes[2], sizes[3]});
    }
  }
  return h.unflatten(2, {sizes[2], sizes[3]});
}

at::Tensor Gphyt::differentiate(at::Tensor const& x,
                                at::Tensor const& derivatives,
                                GphytFrames frames,
                                Pass const& pass,
                                GphytTrace* trace) const {
  auto input = derivatives.defined() ? at::cat({x, derivatives}, 2) : x;
  bool const newest = frames == GphytFrames::last && detokenizer_->is_local();
  auto const times = config_.history / config_.time_patch;
  if (newest && config_.attention == GphytAttentionMode::spatial && tokenizer_->is_local()) {
    // Times never meet: the older ones change nothing.
    input = input.narrow(1, input.size(1) - config_.time_patch, config_.time_patch);
  }
  auto const* const cells = pass.sharding.get();
  auto const tokens = tokenizer_->forward(input, pass.precision, cells);
  auto const out = run_blocks(tokens, newest ? 1 : times, pass, trace);
  if (trace) {
    trace->tokens = tokens;
    trace->after_blocks = out;
  }
  return detokenizer_->forward(out, frames, pass.precision, cells);
}

at::Tensor Gphyt::forward(at::Tensor const& x, Pass const& pass) const {
  window_.check(x, pass.sharding.get());
  auto own = pass;  // each evaluation of a step has dropout masks of its own
  own.random.layer *= kMostEvaluations;
  auto const rate = [&](at::Tensor const& at_x, GphytFrames frames) {
    auto const result = differentiate(at_x, derivatives_of(at_x, own.sharding.get()), frames, own);
    own.random.layer += 1;
    return result;
  };
  return integrate(step_of(config_), x, rate);
}

at::Tensor Gphyt::predict(Batch const& batch, Context const& context) {
  auto const input = window_.enter(batch);
  Pass pass{.precision = context.precision,
            .training = is_training(),
            .random = context.random,
            .samples = batch.sample_ids,
            .activations = context.activations,
            .sharding = GphytWindow::cells_of(batch)};
  if (pass.samples.empty()) {
    pass.samples.resize(static_cast<size_t>(batch.size()));
    std::iota(pass.samples.begin(), pass.samples.end(), 0);
  }
  return window_.leave(forward(input, pass));
}

std::unique_ptr<FrozenSurrogate const> Gphyt::freeze(Precision precision) const {
  return std::make_unique<FrozenGphyt>(*this, precision);
}

std::string Gphyt::config() const {
  return print_config(config_);
}

}  // namespace eddyline
