#include "workflows/metrics/climate.hpp"

#include <ATen/ATen.h>

#include "workflows/metrics/climax_scores.hpp"

namespace eddyline {
namespace {

/// (D, H, W) or broadcast to it, float64, mean 1.
at::Tensor row_weights(Grid const& grid) {
  if (grid.geometry() == Geometry::lat_lon && grid.axis(1).name.starts_with("lat")) {
    return cosine_weights(grid.axis(1).coordinates).view({1, -1, 1});
  }
  auto const volumes = Cells(grid).volumes;
  return volumes / volumes.mean();
}

/// Sums of anomalies p and t that make their correlation once both means are known.
SampleRule correlation(Grid const& grid) {
  return {{"acc.climax"},
          [w = row_weights(grid)](MaskedPair const& pair, Cells const&) {
            auto const& p = pair.prediction;
            auto const& t = pair.target;
            auto const sum = [](at::Tensor const& values) { return values.sum({2, 3, 4}); };
            auto const of_cells = [&](at::Tensor const& values) { return sum(values * w); };
            return at::stack({of_cells(p * t),
                              of_cells(p * p),
                              of_cells(t * t),
                              of_cells(p),
                              of_cells(t),
                              of_cells(pair.counts),
                              sum(p),
                              sum(t),
                              pair.cell_count()},
                             2);
          },
          Reduction::sum,
          [](at::Tensor const& sums, at::Tensor const&) {
            auto const of = [&](int64_t k) { return sums.narrow(1, k, 1); };
            auto const p = of(6) / of(8), t = of(7) / of(8);
            auto const both = of(0) - p * of(4) - t * of(3) + p * t * of(5);
            auto const own = of(1) - 2 * p * of(3) + p * p * of(5);
            auto const true_ones = of(2) - 2 * t * of(4) + t * t * of(5);
            return both / at::sqrt(own * true_ones);
          },
          Channels::each,
          Reach::samples};
}

}  // namespace

SampleRule mse_climax(Grid const& grid) {
  return {.names = {"mse.climax"},
          .measure = [w = row_weights(grid)](
                         MaskedPair const& pair,
                         Cells const&) { return pair.mean(pair.error.square() * w).unsqueeze(-1); },
          .reach = Reach::samples};
}

SampleRule roots_climax(Grid const& grid) {
  return {{"rmse.climax", "rmse_of_mean.climax"},
          [w = row_weights(grid)](MaskedPair const& pair, Cells const&) {
            auto const mse = pair.mean(pair.error.square() * w);
            return at::stack({mse.sqrt(), mse}, 2);
          },
          Reduction::sum,
          [](at::Tensor const& sums, at::Tensor const& counts) {
            auto const means = sums / counts;
            return at::cat({means.narrow(1, 0, 1), means.narrow(1, 1, 1).sqrt()}, 1);
          },
          Channels::each,
          Reach::samples};
}

SampleRule errors_climatebench(Grid const& grid) {
  auto const w = row_weights(grid);
  auto const weights = w.expand(grid.shape()).flatten();  // of the map, row-major
  return {{"nrmses.climatebench", "nrmseg.climatebench", "nrmse.climatebench"},
          [w](MaskedPair const& pair, Cells const&) {
            auto const difference = pair.mean(pair.error * w);
            auto const truth = pair.mean(pair.target * w);
            return at::cat({at::stack({difference.square(), truth}, 2), pair.error.flatten(2)}, 2);
          },
          Reduction::sum,
          [weights](at::Tensor const& sums, at::Tensor const& counts) {
            constexpr double kShareOfGlobal = 5;
            auto const means = sums / counts;
            auto const norm = means.narrow(1, 1, 1).abs();
            auto const map = means.narrow(1, 2, means.size(1) - 2).square();  // (C, cells)
            auto const spatial = (map * weights).mean(1, /*keepdim=*/true).sqrt() / norm;
            auto const global = means.narrow(1, 0, 1).sqrt() / norm;
            return at::cat({spatial, global, spatial + kShareOfGlobal * global}, 1);
          },
          Channels::each,
          Reach::samples};
}

AnomalyCorrelation::AnomalyCorrelation(Grid const& grid) : metric_(correlation(grid), grid) {}

void AnomalyCorrelation::update(Comparison const& comparison) {
  if (!comparison.climatology.defined()) {
    return;
  }
  auto anomalies = comparison;
  auto const usual = comparison.climatology.to(comparison.target.device(), at::kDouble);
  anomalies.prediction = comparison.prediction.to(at::kDouble) - usual;
  anomalies.target = comparison.target.to(at::kDouble) - usual;
  metric_.update(anomalies);
}

std::map<std::string, MetricResult> AnomalyCorrelation::result(
    Communicator const& communicator) const {
  return metric_.result(communicator);
}

}  // namespace eddyline
