#include "surrogates/fno/fno.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/layers/initial.hpp"
#include "surrogates/layers/recompute.hpp"

namespace eddyline {
namespace {

/// A linear map over the channels of (B, C, cells): no axis moves.
at::Tensor map_channels(Linear const& map, at::Tensor const& x, Precision precision) {
  auto const apply = [&](at::Tensor const& rows, at::Tensor const& weight, at::Tensor const& bias) {
    return at::baddbmm(
        bias.view({1, -1, 1}), weight.unsqueeze(0).expand({rows.size(0), -1, -1}), rows);
  };
  auto const cells = x.flatten(2);
  auto const type = at::kBFloat16;
  auto const y = precision == Precision::fp32
                     ? apply(cells, map.weight, map.bias)
                     : apply(cells.to(type), map.weight.to(type), map.bias.to(type)).to(at::kFloat);
  auto sizes = x.sizes().vec();
  sizes[1] = y.size(1);
  return y.view(sizes);
}

FourierModes modes_of(FnoConfig const& config, LiveAxes const& axes) {
  FourierModes modes;
  for (auto const a : axes.axes()) {
    modes.kept.push_back(config.modes[a]);
  }
  return modes;
}

}  // namespace

FourierLayer::FourierLayer(int64_t width, FourierModes const& modes) {
  spectral =
      register_module("spectral", std::make_shared<SpectralConvolution>(width, width, modes));
  pointwise = register_module("pointwise", std::make_shared<Linear>(width, width));
}

at::Tensor FourierLayer::forward(at::Tensor const& v,
                                 FourierBasis const& basis,
                                 Precision precision) const {
  return spectral->forward(v, basis) + map_channels(*pointwise, v, precision);
}

Fno::Fno(FnoConfig const& config, Form form, SurrogateSpec const& spec, uint64_t seed)
    : Surrogate(form == Form::implicit ? "ifno" : "fno"),
      config_(checked(config)),
      form_(form),
      channels_(
          {.history = config_.history, .constants = config_.constants, .scalars = config_.scalars},
          spec),
      axes_(spec.grid),
      modes_(modes_of(config_, axes_)) {
  std::vector<int64_t> cells;
  for (auto const a : axes_.axes()) {
    cells.push_back(spec.grid.shape()[a]);
  }
  modes_.check(cells, axes_.axes());
  auto const places = config_.coordinates == FnoCoordinates::fractions ? axes_.count() : 0;
  lifting_ = register_module("lifting",
                             std::make_shared<Linear>(channels_.inputs() + places, config_.width));
  auto const list = register_module("layers", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < (form == Form::implicit ? 1 : config_.layers); ++i) {
    layers_.push_back(list->register_module(std::to_string(i),
                                            std::make_shared<FourierLayer>(config_.width, modes_)));
  }
  auto const project = register_module("projection", std::make_shared<torch::nn::Module>());
  projection_ = {
      project->register_module("0", std::make_shared<Linear>(config_.width, config_.projection)),
      project->register_module("1",
                               std::make_shared<Linear>(config_.projection, channels_.outputs()))};
  initialise(seed);
}

void Fno::initialise(uint64_t seed) {
  auto const items = named_parameters();
  uint64_t index = 0;
  for (auto const& item : items) {
    auto const& name = item.key();
    RandomKey const key{.seed = seed, .step = kInitialStep, .layer = index++};
    if (name.ends_with("spectral.weight")) {
      at::NoGradGuard const no_grad;
      auto const middle = 0.5 / static_cast<double>(config_.width * config_.width);
      fill_symmetric(item.value(), middle, key);
      item.value().add_(middle);
    } else {
      auto const layer = name.substr(0, name.rfind('.'));
      fill_symmetric(item.value(), 1 / std::sqrt(fan_in(items[layer + ".weight"])), key);
    }
  }
}

at::Tensor Fno::with_coordinates(at::Tensor const& image,
                                 std::vector<AxisParts> const& lines) const {
  if (config_.coordinates == FnoCoordinates::none) {
    return image;
  }
  std::vector<at::Tensor> parts = {image};
  auto sizes = image.sizes().vec();
  sizes[1] = 1;
  for (int64_t axis = 2; axis < image.dim(); ++axis) {
    std::vector<int64_t> line(static_cast<size_t>(image.dim()), 1);
    line[static_cast<size_t>(axis)] = image.size(axis);
    auto const own = image.size(axis);
    auto const at = static_cast<size_t>(axis - 2);
    auto const first = lines.empty() ? 0 : lines[at].first();
    auto const all = lines.empty() ? own : lines[at].total();
    auto const fractions =
        at::arange(first, first + own, image.options()) / static_cast<double>(all);
    parts.push_back(fractions.view(line).expand(sizes));
  }
  return at::cat(parts, 1);
}

at::Tensor Fno::forward(at::Tensor const& image, Pass const& pass) const {
  auto const* const sharding = pass.sharding.get();
  require(image.size(1) == channels_.inputs(),
          "the image has ",
          image.size(1),
          " channels, the model was made for ",
          channels_.inputs());
  auto const squeezed = axes_.squeeze(image, sharding);
  std::vector<AxisParts> lines;
  auto cells = squeezed.sizes().slice(2).vec();
  for (size_t i = 0; sharding && i < cells.size(); ++i) {
    lines.push_back(sharding->axis(axes_.axes()[i]));
    cells[i] = lines.back().total();
  }
  modes_.check(cells, axes_.axes());
  auto const basis = std::make_shared<FourierBasis const>(
      modes_, squeezed, lines, sharding ? sharding->flight() : Flight::as_computed);
  auto v = map_channels(*lifting_, with_coordinates(squeezed, lines), pass.precision);
  for (int64_t i = 0; i < config_.layers; ++i) {
    v = step(v, i, basis, pass);
  }
  auto const hidden = at::gelu(map_channels(*projection_[0], v, pass.precision));
  return axes_.restore(map_channels(*projection_[1], hidden, pass.precision));
}

at::Tensor Fno::step(at::Tensor const& v,
                     int64_t number,
                     std::shared_ptr<FourierBasis const> const& basis,
                     Pass const& pass) const {
  auto const precision = pass.precision;
  if (form_ == Form::implicit) {
    auto const share = 1 / static_cast<double>(config_.layers);
    return run_segment(pass, *layers_[0], {v}, [=, layer = layers_[0]](auto const& in) {
      return at::add(in[0], at::gelu(layer->forward(in[0], *basis, precision)), share);
    });
  }
  bool const is_last = number + 1 == config_.layers;
  auto const& chosen = layers_[static_cast<size_t>(number)];
  return run_segment(pass, *chosen, {v}, [=, layer = chosen](auto const& in) {
    auto const next = layer->forward(in[0], *basis, precision);
    return is_last ? next : at::gelu(next);
  });
}

at::Tensor Fno::predict(Batch const& batch, Context const& context) {
  Pass pass{.precision = context.precision, .activations = context.activations};
  if (batch.spec) {
    pass.sharding = batch.spec->sharding;
  }
  return forward(channels_.gather(batch), pass).unsqueeze(1);
}

}  // namespace eddyline
