#include "surrogates/ifactformer/frozen.hpp"

#include <ATen/ATen.h>

#include "surrogates/ifactformer/ifactformer.hpp"
#include "surrogates/layers/copy_values.hpp"

namespace eddyline {

FrozenIFactFormer::FrozenIFactFormer(IFactFormer const& network, Precision precision)
    : config_(network.settings()), precision_(precision), window_(network.window()) {
  at::NoGradGuard const no_grad;
  auto const& ends = network.ends();
  auto const lift = std::make_shared<IFactMap>(ends.lift->weight.sizes().vec(), config_.dim / 2);
  copy_values(*ends.lift, *lift);
  lift_ = lift;
  gather_ = PackedLinear(gather_weight(*ends.gather), {}, precision);
  narrow_ = PackedLinear(ends.narrow->weight.squeeze(-1), {}, precision);
  out_ = PackedLinear(ends.out->weight.squeeze(-1), ends.out->bias, precision);
  for (auto const& layer : network.layers()) {
    auto const block = std::make_shared<IFactBlock>(config_);
    copy_values(*layer.block, *block);
    auto const step = 1.0 / static_cast<double>(config_.n_layer);
    layers_.push_back({.directions = layer.directions.clone(),
                       .weight = layer.positions->weight.clone(),
                       .bias = layer.positions->bias.clone(),
                       .block = block,
                       .last = PackedLinear(block->last().weight * step, {}, precision)});
  }
  places_ = places_on(window_.training_grid());
}

std::vector<FrozenIFactFormer::Place> FrozenIFactFormer::places_on(Grid const& grid) const {
  auto coordinates = window_.coordinates().on(grid);
  for (auto& coordinate : coordinates) {
    coordinate = coordinate.to(lift_->weight.options().requires_grad(false));
  }
  std::vector<Place> places;
  for (auto const& layer : layers_) {
    // Positions stay in float32 whatever the precision: bfloat16 cannot hold their angles.
    auto const features = fourier_features(coordinates, layer.directions);
    places.push_back({.position = at::linear(features, layer.weight, layer.bias),
                      .plan = layer.block->plan(coordinates)});
  }
  return places;
}

at::Tensor FrozenIFactFormer::predict(Batch const& batch) const {
  auto const& grid = window_.grid_of(batch);
  auto const places = grid == window_.training_grid() ? places_ : places_on(grid);
  auto u = gather_.forward(lift_channels(batch.input, *lift_));  // (B, N, d)
  for (size_t l = 0; l < layers_.size(); ++l) {
    u.add_(places[l].position);
    for (int64_t i = 0; i < config_.n_layer; ++i) {
      auto mixed = layers_[l].block->mix(u, places[l].plan, {.precision = precision_}, nullptr);
      layers_[l].last.add_to(u, at::gelu_(mixed));
    }
  }
  auto const out = out_.forward(narrow_.forward(u, Activation::gelu));
  return out.transpose(1, 2).unflatten(2, batch.input.sizes().slice(3)).unsqueeze(1);
}

}  // namespace eddyline
