#include "workflows/metrics/cells.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/sharding/collectives.hpp"
#include "data/sharding/part_of.hpp"

namespace eddyline {
namespace {

at::Tensor over_cells(at::Tensor const& values) {
  return values.sum({2, 3, 4});
}

}  // namespace

Cells::Cells(Grid const& of) : grid(of) {
  auto const weights = of.cell_weights();
  volumes = at::ones({1, 1, 1}, at::kDouble);
  for (size_t a = 0; a < 3; ++a) {
    std::array<int64_t, 3> shape = {1, 1, 1};
    shape[a] = static_cast<int64_t>(weights[a].size());
    volumes = volumes * at::tensor(weights[a], at::kDouble).view(shape);
  }
  volumes = volumes / volumes.sum();
  for (int64_t a = 3 - of.dimensions(); a < 3; ++a) {
    axes.push_back(a + 2);
  }
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
}

at::Tensor MaskedPair::sum(at::Tensor const& values) const {
  return sum_over(over_cells(values), sharding_ ? sharding_->group() : Mesh::Group());
}

at::Tensor MaskedPair::largest(at::Tensor const& values) const {
  auto most = values.amax({2, 3, 4});
  if (sharding_ && sharding_->is_divided()) {
    auto const all = gather_ranks(most, sharding_->group());
    most = all.amax(0);
  }
  return most;
}

void MaskedPair::require_whole(std::vector<std::string> const& columns) const {
  require(!sharding_,
          "the metric of ",
          columns,
          " looks at whole samples, but parallel.domain splits them; leave it out, or run with "
          "parallel.domain=[1, 1, 1]");
}

at::Tensor MaskedPair::cell_count() const {
  return sum(counts);
}

at::Tensor MaskedPair::mean(at::Tensor const& values) const {
  return sum(values * counts) / cell_count();
}

at::Tensor MaskedPair::weighted_mean(at::Tensor const& values, Cells const& cells) const {
  auto const weights =
      counts * (sharding_ ? part_of(cells.volumes, sharding_->block().box) : cells.volumes);
  return sum(values * weights) / sum(weights);
}

}  // namespace eddyline
