#include "workflows/metrics/climax_scores.hpp"

#include <numbers>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

/// values · w, the weights along H.
at::Tensor weighted(at::Tensor const& values, at::Tensor const& weights) {
  if (!weights.defined()) {
    return values;
  }
  EDDYLINE_ENSURE(weights.numel() == values.size(-2),
                  weights.numel(),
                  " weights of ",
                  values.size(-2),
                  " rows");
  return values * weights.to(values.options()).view({-1, 1});
}

at::Tensor squares(at::Tensor const& prediction,
                   at::Tensor const& target,
                   at::Tensor const& weights) {
  return weighted((prediction - target).square(), weights);
}

}  // namespace

at::Tensor cosine_weights(std::vector<double> const& degrees) {
  auto const cosines = (at::tensor(degrees, at::kDouble) * (std::numbers::pi / 180)).cos();
  return cosines / cosines.mean();
}

at::Tensor area_weights(Grid const& grid) {
  auto const rows = at::tensor(grid.cell_weights()[1], at::kDouble);
  return rows / rows.mean();
}

SquaredError squared_error(at::Tensor const& prediction,
                           at::Tensor const& target,
                           at::Tensor const& weights,
                           at::Tensor const& mask) {
  auto const error = squares(prediction, target, weights);
  if (!mask.defined()) {
    return {error.mean({0, 2, 3}), error.mean()};
  }
  auto const counts = mask.to(error.options()).expand_as(error);
  auto const sums = (error * counts).sum({0, 2, 3});
  return {sums / counts.sum({0, 2, 3}), sums.sum() / counts.sum()};
}

at::Tensor mean_of_roots(at::Tensor const& prediction,
                         at::Tensor const& target,
                         at::Tensor const& weights) {
  return squares(prediction, target, weights).mean({2, 3}).sqrt().mean(0);
}

at::Tensor root_of_mean(at::Tensor const& prediction,
                        at::Tensor const& target,
                        at::Tensor const& weights) {
  return squares(prediction, target, weights).mean({0, 2, 3}).sqrt();
}

at::Tensor anomaly_correlation(at::Tensor const& prediction,
                               at::Tensor const& target,
                               at::Tensor const& climatology,
                               at::Tensor const& weights) {
  auto const anomaly = [&](at::Tensor const& values) {
    auto const deviation = values - climatology;
    return deviation - deviation.mean({0, 2, 3}, /*keepdim=*/true);
  };
  auto const sum = [&](at::Tensor const& values) {
    return weighted(values, weights).sum({0, 2, 3});
  };
  auto const p = anomaly(prediction), t = anomaly(target);
  return sum(p * t) / (sum(p.square()) * sum(t.square())).sqrt();
}

NormalisedError normalised_error(at::Tensor const& prediction,
                                 at::Tensor const& target,
                                 at::Tensor const& norm,
                                 at::Tensor const& weights) {
  auto const spatial =
      weighted((prediction.mean(0) - target.mean(0)).square(), weights).mean({1, 2}).sqrt() / norm;
  auto const difference =
      weighted(prediction, weights).mean({2, 3}) - weighted(target, weights).mean({2, 3});
  auto const global = difference.square().mean(0).sqrt() / norm;
  constexpr double kShareOfGlobal = 5;
  return {spatial, global, spatial + kShareOfGlobal * global};
}

}  // namespace eddyline
