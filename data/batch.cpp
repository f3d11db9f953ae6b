#include "data/batch.hpp"

#include <ATen/ATen.h>

#include "data/sharding/predicted_part.hpp"

namespace eddyline {
namespace {

/// (B, C) shaped to broadcast over (B, C, D, H, W) or (B, T, C, D, H, W).
at::Tensor broadcast_to(at::Tensor const& moments, at::Tensor const& values) {
  auto const rows = moments.size(0);
  auto const channels = moments.size(1);
  return values.dim() == 5 ? moments.view({rows, channels, 1, 1, 1})
                           : moments.view({rows, 1, channels, 1, 1, 1});
}

}  // namespace

std::shared_ptr<Sharding const> const& BatchSpec::output_sharding() const {
  return part ? part->sharding() : sharding;
}

at::Tensor Affine::normalise(at::Tensor const& values) const {
  return (values - broadcast_to(mean, values)) / broadcast_to(scale, values);
}

at::Tensor Affine::restore(at::Tensor const& values) const {
  return at::addcmul(broadcast_to(mean, values), values, broadcast_to(scale, values));
}

}  // namespace eddyline
