#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/grid.hpp"

namespace eddyline {

/// ClimaX's losses and scores over maps (B, V, H, W), one number a variable: (V). Sums run over the
/// batch that is given, as upstream's do; a score of a data set is that of all its samples at once.
/// Weights are of rows, with mean 1; undefined: all rows count the same. They are cast to the type
/// of the maps.

/// cos(latitude) over its mean: (H) float64. Upstream's weights.
at::Tensor cosine_weights(std::vector<double> const& degrees);
/// Areas of the rows of cells of a latitude-longitude grid over their mean, from the bounds where
/// the data give them: (H) float64.
at::Tensor area_weights(Grid const& grid);

struct SquaredError {
  at::Tensor variables;  ///< (V)
  at::Tensor loss;       ///< of all variables together
};
/// Mean of w (p − t)²: `lat_weighted_mse`, and `mse` without weights. Differentiable.
/// \param mask  (B or 1, V or 1, H, W), 1 where a value counts: then Σ w (p − t)² m / Σ m
SquaredError squared_error(at::Tensor const& prediction,
                           at::Tensor const& target,
                           at::Tensor const& weights = {},
                           at::Tensor const& mask = {});
/// Mean over the samples of each one's root: upstream's `lat_weighted_rmse`, on physical values.
at::Tensor mean_of_roots(at::Tensor const& prediction,
                         at::Tensor const& target,
                         at::Tensor const& weights = {});
/// Root of the mean over the samples: the RMSE of WeatherBench 2. Never less than mean_of_roots.
at::Tensor root_of_mean(at::Tensor const& prediction,
                        at::Tensor const& target,
                        at::Tensor const& weights = {});
/// Correlation of the anomalies, their plain mean over samples and cells taken off:
/// `lat_weighted_acc`.
/// \param climatology  (V, H, W), of years that are not evaluated
at::Tensor anomaly_correlation(at::Tensor const& prediction,
                               at::Tensor const& target,
                               at::Tensor const& climatology,
                               at::Tensor const& weights = {});

/// ClimateBench's errors over the norm |mean of the target in space and time|.
struct NormalisedError {
  at::Tensor spatial;  ///< of the maps' means over the samples: `lat_weighted_nrmses`
  at::Tensor global;   ///< of the samples' means over the map: `lat_weighted_nrmseg`
  at::Tensor total;    ///< spatial + 5 global: `lat_weighted_nrmse`
};
/// \param norm  (V) or one number
/// Source: Watson-Parris et al. 2022, "ClimateBench v1.0", J. Adv. Model. Earth Syst. 14.
NormalisedError normalised_error(at::Tensor const& prediction,
                                 at::Tensor const& target,
                                 at::Tensor const& norm,
                                 at::Tensor const& weights = {});

}  // namespace eddyline
