#include "surrogates/unet/unet.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/layers/initial.hpp"

namespace eddyline {
namespace {

std::vector<ConvolvedAxis> convolved_axes(UnetConfig const& config,
                                          Grid const& grid,
                                          LiveAxes const& axes) {
  std::vector<ConvolvedAxis> convolved;
  for (auto const a : axes.axes()) {
    bool const wraps = config.padding == UnetPadding::grid && grid.axes()[a].is_periodic();
    convolved.push_back({a, wraps ? Border::periodic : Border::zero});
  }
  return convolved;
}

/// "1, 2, 4": powers of two that divide `cells`, up to `most`.
std::vector<int64_t> fitting_patches(int64_t cells, int64_t most) {
  std::vector<int64_t> fitting;
  for (int64_t patch = 1; patch <= most && cells % patch == 0; patch *= 2) {
    fitting.push_back(patch);
  }
  return fitting;
}

}  // namespace

Unet::Unet(UnetConfig const& config, SurrogateSpec const& spec, uint64_t seed)
    : Surrogate("unet"),
      config_(checked(config)),
      channels_(
          {.history = config_.history, .constants = config_.constants, .scalars = config_.scalars},
          spec),
      axes_(spec.grid),
      levels_(levels_of(config_, axes_.axes())),
      convolved_(convolved_axes(config_, spec.grid, axes_)) {
  std::vector<int64_t> const kernel(convolved_.size(), 3);
  auto const project = [&](char const* name, int64_t in, int64_t out) {
    return register_module(
        name,
        std::make_shared<Convolution>(Convolution::Shape{.in = in, .out = out, .kernel = kernel}));
  };
  in_proj_ = project("in_proj", channels_.inputs(), config_.features);
  out_proj_ = project("out_proj", config_.features, channels_.outputs());
  add_stages();
  initialise(seed);
}

void Unet::add_stages() {
  using Direction = Resample::Direction;
  auto const width = [&](int64_t level) { return config_.features << level; };
  auto const list = [&](char const* name) {
    return register_module(name, std::make_shared<torch::nn::Module>());
  };
  auto shape = UnetStage::Shape{.blocks = config_.blocks_per_stage, .axes = convolved_};
  auto const down = list("encoder");
  for (int64_t level = 0; level < levels_; ++level) {
    shape.channels = width(level);
    shape.resample = {width(level), width(level + 1), factor(level), Direction::down};
    encoder_.push_back(
        down->register_module(std::to_string(level), std::make_shared<UnetStage>(shape)));
  }
  neck_ = register_module(
      "neck",
      std::make_shared<UnetStage>(UnetStage::Shape{
          .channels = width(levels_), .blocks = config_.blocks_at_neck, .axes = convolved_}));
  auto const up = list("decoder");
  for (int64_t level = levels_; level > 0; --level) {
    shape.channels = width(level);
    shape.skip = level < levels_ ? UnetStage::Skip::joined : UnetStage::Skip::none;
    shape.resample = {width(level), width(level - 1), factor(level - 1), Direction::up};
    decoder_.push_back(
        up->register_module(std::to_string(levels_ - level), std::make_shared<UnetStage>(shape)));
  }
}

std::vector<int64_t> Unet::factor(int64_t level) const {
  std::vector<int64_t> factor;
  for (auto const a : axes_.axes()) {
    factor.push_back((config_.patch[a] >> level) > 1 ? 2 : 1);
  }
  return factor;
}

void Unet::initialise(uint64_t seed) {
  auto const items = named_parameters();
  uint64_t index = 0;
  for (auto const& item : items) {
    auto const& name = item.key();
    RandomKey const key{.seed = seed, .step = kInitialStep, .layer = index++};
    if (name.ends_with("gamma") || name.find("norm.") != std::string::npos ||
        name.find("resample.block.0.") != std::string::npos) {
      continue;  // as constructed
    }
    bool const is_bias = name.ends_with(".bias");
    auto const weight = is_bias ? items[name.substr(0, name.size() - 4) + "weight"] : item.value();
    fill_symmetric(item.value(), 1 / std::sqrt(fan_in(weight)), key);
  }
}

void Unet::check(at::Tensor const& image) const {
  require(image.size(1) == channels_.inputs(),
          "the image has ",
          image.size(1),
          " channels, the model was made for ",
          channels_.inputs());
  for (auto const a : axes_.axes()) {
    auto const cells = image.size(static_cast<int64_t>(a) + 2);
    require(cells % config_.patch[a] == 0,
            "axis ",
            "DHW"[a],
            " has ",
            cells,
            " points, not a multiple of patch ",
            config_.patch[a],
            "; set model.patch there to one of ",
            fitting_patches(cells, config_.patch[a]),
            " or use data.fit crop or pad");
  }
}

at::Tensor Unet::forward(at::Tensor const& image, Pass const& pass, UnetTrace* trace) const {
  auto const* const sharding = pass.sharding.get();
  auto const squeezed = axes_.squeeze(image, sharding);
  check(image);
  auto const note = [&](std::string const& name, at::Tensor const& value) {
    if (trace) {
      trace->emplace_back(name, value);
    }
  };
  auto x = in_proj_->same(channels_last(squeezed), convolved_, pass.precision, sharding);
  note("in_proj", x);
  std::vector<at::Tensor> skips;
  for (size_t i = 0; i < encoder_.size(); ++i) {
    skips.push_back(x);
    x = encoder_[i]->forward(x, {}, pass);
    note(concat("encoder.", i), x);
  }
  x = neck_->forward(x, {}, pass);
  note("neck", x);
  for (size_t i = 0; i < decoder_.size(); ++i) {
    // Every level but the coarsest joins what its encoder was given; skips[0] is never used, as
    // upstream: the finest level has no stage on the way up.
    x = decoder_[i]->forward(x, i == 0 ? at::Tensor() : skips[skips.size() - i], pass);
    note(concat("decoder.", i), x);
  }
  return axes_.restore(out_proj_->same(x, convolved_, pass.precision, sharding).contiguous());
}

at::Tensor Unet::predict(Batch const& batch, Context const& context) {
  Pass pass{.precision = context.precision, .activations = context.activations};
  if (batch.spec) {
    pass.sharding = batch.spec->sharding;
  }
  return forward(channels_.gather(batch), pass).unsqueeze(1);
}

std::string Unet::config() const {
  return print_config(config_);
}

}  // namespace eddyline
