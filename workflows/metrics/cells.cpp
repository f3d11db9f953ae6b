#include "workflows/metrics/cells.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/sharding/collectives.hpp"

namespace eddyline {
namespace {

at::Tensor over_cells(at::Tensor const& values) {
  return values.sum({2, 3, 4});
}

}  // namespace

Cells::Cells(Grid const& of) : grid(of) {
  auto const weights = of.cell_weights();
  for (size_t a = 0; a < 3; ++a) {
    auto const along = at::tensor(weights[a], at::kDouble);
    weights_[a] = along / along.sum();
  }
  for (int64_t a = 3 - of.dimensions(); a < 3; ++a) {
    axes.push_back(a + 2);
  }
}

at::Tensor Cells::volumes(Box const& box) const {
  auto volumes = at::ones({1, 1, 1}, at::kDouble);
  for (size_t a = 0; a < 3; ++a) {
    std::array<int64_t, 3> shape = {1, 1, 1};
    shape[a] = box.size[a];
    volumes = volumes * weights_[a].narrow(0, box.first[a], box.size[a]).view(shape);
  }
  return volumes;
}

MaskedPair::MaskedPair(Comparison const& comparison)
    : prediction(comparison.prediction.to(at::kCPU, at::kDouble)),
      target(comparison.target.to(at::kCPU, at::kDouble)),
      sharding_(comparison.sharding) {
  EDDYLINE_ENSURE(prediction.dim() == 5 && prediction.sizes() == target.sizes(),
                  "prediction ",
                  prediction.sizes(),
                  " and target ",
                  target.sizes(),
                  " differ in shape");
  if (comparison.mask.defined()) {
    auto const keep = comparison.mask.to(at::kCPU).gt(0.5).expand(target.sizes());
    auto const zero = at::zeros({}, at::kDouble);
    prediction = at::where(keep, prediction, zero);
    target = at::where(keep, target, zero);
    counts = keep.to(at::kDouble);
  } else {
    counts = at::ones_like(target);
  }
  error = prediction - target;
  box_ = sharding_
             ? sharding_->block().box
             : Box{.first = {0, 0, 0}, .size = {target.size(2), target.size(3), target.size(4)}};
}

at::Tensor MaskedPair::sum(at::Tensor const& values) const {
  return joined(over_cells(values));
}

at::Tensor MaskedPair::joined(at::Tensor const& own) const {
  return sum_over(own, sharding_ ? sharding_->group() : Mesh::Group());
}

at::Tensor MaskedPair::most(at::Tensor const& own) const {
  return sharding_ && sharding_->is_divided() ? gather_ranks(own, sharding_->group()).amax(0) : own;
}

at::Tensor MaskedPair::largest(at::Tensor const& values) const {
  return most(values.amax({2, 3, 4}));
}

at::Tensor MaskedPair::cell_count() const {
  return sum(counts);
}

at::Tensor MaskedPair::mean(at::Tensor const& values) const {
  return sum(values * counts) / cell_count();
}

at::Tensor MaskedPair::weighted_mean(at::Tensor const& values, Cells const& cells) const {
  auto const weights = counts * cells.volumes(box_);
  return sum(values * weights) / sum(weights);
}

}  // namespace eddyline
