#include "workflows/metrics/climate.hpp"

#include <ATen/ATen.h>

#include "data/sharding/collectives.hpp"
#include "data/sharding/part_of.hpp"
#include "workflows/metrics/climax_scores.hpp"

namespace eddyline {
namespace {

/// Weights of cells whose mean is 1: by latitude where rows have one, else by volume.
class RowWeights {
 public:
  explicit RowWeights(Grid const& grid) : cells_(grid) {
    if (grid.geometry() == Geometry::lat_lon && grid.axis(1).name.starts_with("lat")) {
      rows_ = cosine_weights(grid.axis(1).coordinates).view({1, -1, 1});
    }
  }
  /// Of those cells: (D, H, W), or broadcast to it, float64.
  at::Tensor of(Box const& box) const {
    return rows_.defined() ? part_of(rows_, box)
                           : cells_.volumes(box) * static_cast<double>(cells_.grid.cells());
  }

 private:
  Cells cells_;
  at::Tensor rows_;
};

/// Sums of anomalies p and t that make their correlation once both means are known.
SampleRule correlation(Grid const& grid) {
  return {{"acc.climax"},
          [weights = RowWeights(grid)](MaskedPair const& pair, Cells const&) {
            auto const w = weights.of(pair.box());
            auto const& p = pair.prediction;
            auto const& t = pair.target;
            auto const sum = [&](at::Tensor const& values) { return pair.sum(values); };
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
          }};
}

}  // namespace

SampleRule mse_climax(Grid const& grid) {
  return {{"mse.climax"}, [weights = RowWeights(grid)](MaskedPair const& pair, Cells const&) {
            return pair.mean(pair.error.square() * weights.of(pair.box())).unsqueeze(-1);
          }};
}

SampleRule roots_climax(Grid const& grid) {
  return {{"rmse.climax", "rmse_of_mean.climax"},
          [weights = RowWeights(grid)](MaskedPair const& pair, Cells const&) {
            auto const mse = pair.mean(pair.error.square() * weights.of(pair.box()));
            return at::stack({mse.sqrt(), mse}, 2);
          },
          Reduction::sum,
          [](at::Tensor const& sums, at::Tensor const& counts) {
            auto const means = sums / counts;
            return at::cat({means.narrow(1, 0, 1), means.narrow(1, 1, 1).sqrt()}, 1);
          }};
}

SampleRule errors_climatebench(Grid const& grid) {
  return {{"nrmses.climatebench", "nrmseg.climatebench", "nrmse.climatebench"},
          [weights = RowWeights(grid)](MaskedPair const& pair, Cells const&) {
            auto const w = weights.of(pair.box());
            auto const difference = pair.mean(pair.error * w);
            auto const truth = pair.mean(pair.target * w);
            return at::cat({at::stack({difference.square(), truth}, 2), pair.error.flatten(2)}, 2);
          },
          Reduction::sum,
          [](at::Tensor const& means, at::Tensor const&) {
            constexpr double kShareOfGlobal = 5;
            auto const norm = means.narrow(1, 1, 1).abs();
            auto const spatial = means.narrow(1, 2, 1).sqrt() / norm;
            auto const global = means.narrow(1, 0, 1).sqrt() / norm;
            return at::cat({spatial, global, spatial + kShareOfGlobal * global}, 1);
          },
          Channels::each,
          [grid, weights = RowWeights(grid)](
              at::Tensor const& sums, at::Tensor const& counts, Sharding const* sharding) {
            auto const means = sums / counts;
            auto const box = sharding ? sharding->block().box : Box{.size = grid.shape()};
            auto const map = means.narrow(1, 2, means.size(1) - 2).square();  // (C, cells)
            auto const weighted = map * weights.of(box).expand(box.size).flatten();
            auto const spatial = sum_over(weighted.sum(1, /*keepdim=*/true),
                                          sharding ? sharding->group() : Mesh::Group());
            return at::cat({means.narrow(1, 0, 2), spatial / static_cast<double>(grid.cells())}, 1);
          }};
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
