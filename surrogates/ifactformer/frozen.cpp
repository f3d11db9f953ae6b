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
}

std::shared_ptr<FrozenIFactFormer::Places const> FrozenIFactFormer::places_for(
    Batch const& batch) const {
  auto const& grid = window_.grid_of(batch);
  auto const* const sharding = batch.spec ? batch.spec->sharding.get() : nullptr;
  auto const box = sharding ? sharding->block().box : Box{.size = grid.shape()};
  std::scoped_lock const lock(mutex_);
  if (!places_ || !(places_->box == box && places_->grid == grid)) {
    places_ = std::make_shared<Places const>(Places{grid, box, make_places(grid, box)});
  }
  return places_;
}

std::vector<FrozenIFactFormer::Place> FrozenIFactFormer::make_places(Grid const& grid,
                                                                     Box const& box) const {
  at::NoGradGuard const no_grad;
  auto coordinates = window_.coordinates().on(grid);
  for (auto& coordinate : coordinates) {
    coordinate = coordinate.to(lift_->weight.options().requires_grad(false));
  }
  std::vector<Place> places;
  for (auto const& layer : layers_) {
    // Positions stay in float32 whatever the precision: bfloat16 cannot hold their angles.
    auto const features = fourier_features(part_of(coordinates, box), layer.directions);
    places.push_back({.position = at::linear(features, layer.weight, layer.bias),
                      .plan = layer.block->plan(coordinates)});
  }
  return places;
}

at::Tensor FrozenIFactFormer::predict(Batch const& batch) const {
  auto const places = places_for(batch);
  Pass const pass{.precision = precision_, .sharding = batch.spec ? batch.spec->sharding : nullptr};
  auto u = gather_.forward(lift_channels(batch.input, *lift_));  // (B, N, d)
  for (size_t l = 0; l < layers_.size(); ++l) {
    auto const& place = places->layers[l];
    u.add_(place.position);
    for (int64_t i = 0; i < config_.n_layer; ++i) {
      auto mixed = layers_[l].block->mix(u, place.plan, pass, nullptr);
      layers_[l].last.add_to(u, at::gelu_(mixed));
    }
  }
  auto const out = out_.forward(narrow_.forward(u, Activation::gelu));
  return out.transpose(1, 2).unflatten(2, batch.input.sizes().slice(3)).unsqueeze(1);
}

}  // namespace eddyline
