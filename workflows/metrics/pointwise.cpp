#include "workflows/metrics/pointwise.hpp"

#include <ATen/ATen.h>

namespace eddyline {
namespace {

constexpr double kEpsilonWell = 1e-7;  // The Well adds it to the denominators

at::Tensor column(at::Tensor const& values) {
  return values.unsqueeze(-1);
}

at::Tensor centred(at::Tensor const& values, MaskedPair const& pair) {
  auto const mean = pair.mean(values);
  return (values - mean.view({mean.size(0), mean.size(1), 1, 1, 1})) * pair.counts;
}

/// Variance with N - 1: (B, C).
at::Tensor unbiased_variance(at::Tensor const& values, MaskedPair const& pair) {
  return pair.sum(centred(values, pair).square()) / (pair.cell_count() - 1);
}

at::Tensor root_of_quotient(at::Tensor const& sums, at::Tensor const& counts) {
  return at::sqrt(sums / counts);
}

/// sqrt(sum of the first column / sum of the second).
at::Tensor root_of_ratio(at::Tensor const& sums, at::Tensor const&) {
  return at::sqrt(sums.narrow(1, 0, 1) / sums.narrow(1, 1, 1));
}

/// Sum over the domain's faces, both ends of every axis; cells on two faces count twice: (B, C).
at::Tensor sum_over_faces(at::Tensor const& values, Cells const& cells, MaskedPair const& pair) {
  auto sum = at::zeros({values.size(0), values.size(1)}, at::kDouble);
  auto const all = cells.grid.shape();
  auto const& box = pair.box();
  for (auto const axis : cells.axes) {
    auto const a = static_cast<size_t>(axis - 2);
    if (box.first[a] == 0) {
      sum = sum + values.select(axis, 0).sum({2, 3});
    }
    if (box.first[a] + box.size[a] == all[a]) {
      sum = sum + values.select(axis, values.size(axis) - 1).sum({2, 3});
    }
  }
  return pair.joined(sum);
}

}  // namespace

SampleRule vrmse_well() {
  return {{"vrmse.well"}, [](MaskedPair const& pair, Cells const&) {
            auto const variance = unbiased_variance(pair.target, pair);
            return column(at::sqrt(pair.mean(pair.error.square()) / (variance + kEpsilonWell)));
          }};
}

SampleRule nrmse_well() {
  return {{"nrmse.well"}, [](MaskedPair const& pair, Cells const&) {
            auto const energy = pair.mean(pair.target.square());
            return column(at::sqrt(pair.mean(pair.error.square()) / (energy + kEpsilonWell)));
          }};
}

SampleRule linf_well() {
  return {{"linf.well"}, [](MaskedPair const& pair, Cells const&) {
            return column(pair.largest(pair.error.abs()));
          }};
}

SampleRule pearson_well() {
  return {{"pearson.well"}, [](MaskedPair const& pair, Cells const&) {
            auto const covariance =
                pair.mean(centred(pair.prediction, pair) * centred(pair.target, pair));
            auto const deviations = at::sqrt(unbiased_variance(pair.prediction, pair) *
                                             unbiased_variance(pair.target, pair));
            return column(covariance / (deviations + kEpsilonWell));
          }};
}

SampleRule rmse_pdebench() {
  return {{"rmse.pdebench"}, [](MaskedPair const& pair, Cells const&) {
            return column(at::sqrt(pair.mean(pair.error.square())));
          }};
}

SampleRule nrmse_pdebench() {
  return {{"nrmse.pdebench"}, [](MaskedPair const& pair, Cells const&) {
            return column(at::sqrt(pair.mean(pair.error.square())) /
                          at::sqrt(pair.mean(pair.target.square())));
          }};
}

SampleRule crmse_pdebench() {
  return {
      {"crmse.pdebench"},
      [](MaskedPair const& pair, Cells const&) { return column(pair.mean(pair.error).square()); },
      Reduction::sum,
      root_of_quotient};
}

SampleRule brmse_pdebench() {
  return {{"brmse.pdebench"}, [](MaskedPair const& pair, Cells const& cells) {
            auto const squares = sum_over_faces(pair.error.square(), cells, pair);
            return column(at::sqrt(squares / sum_over_faces(pair.counts, cells, pair)));
          }};
}

SampleRule elements_morph() {
  return {{"mse.morph", "mae.morph", "rmse.morph"},
          [](MaskedPair const& pair, Cells const&) {
            return at::stack({pair.mean(pair.error.square()), pair.mean(pair.error.abs())}, -1);
          },
          Reduction::sum,
          [](at::Tensor const& sums, at::Tensor const& counts) {
            auto const means = sums / counts;
            return at::cat({means, at::sqrt(means.narrow(1, 0, 1))}, 1);
          },
          Channels::pooled};
}

SampleRule vrmse_weighted() {
  return {{"vrmse"},
          [](MaskedPair const& pair, Cells const& cells) {
            auto const mean = pair.weighted_mean(pair.target, cells);
            auto const spread = pair.target - mean.view({mean.size(0), mean.size(1), 1, 1, 1});
            return at::stack({pair.weighted_mean(pair.error.square(), cells),
                              pair.weighted_mean(spread.square(), cells)},
                             -1);
          },
          Reduction::sum,
          root_of_ratio};
}

SampleRule nrmse_weighted() {
  return {{"nrmse"},
          [](MaskedPair const& pair, Cells const& cells) {
            return at::stack({pair.weighted_mean(pair.error.square(), cells),
                              pair.weighted_mean(pair.target.square(), cells)},
                             -1);
          },
          Reduction::sum,
          root_of_ratio};
}

SampleRule max_error() {
  return {
      {"max"},
      [](MaskedPair const& pair, Cells const&) { return column(pair.largest(pair.error.abs())); },
      Reduction::max,
      [](at::Tensor const& largest, at::Tensor const&) { return largest; }};
}

SampleRule rmse_weighted() {
  return {{"rmse"},
          [](MaskedPair const& pair, Cells const& cells) {
            return column(pair.weighted_mean(pair.error.square(), cells));
          },
          Reduction::sum,
          root_of_quotient};
}

SampleRule rmse_unweighted() {
  return {
      {"rmse.unweighted"},
      [](MaskedPair const& pair, Cells const&) { return column(pair.mean(pair.error.square())); },
      Reduction::sum,
      root_of_quotient};
}

SampleRule mae_weighted() {
  return {{"mae"}, [](MaskedPair const& pair, Cells const& cells) {
            return column(pair.weighted_mean(pair.error.abs(), cells));
          }};
}

SampleRule bias_weighted() {
  return {{"bias"}, [](MaskedPair const& pair, Cells const& cells) {
            return column(pair.weighted_mean(pair.error, cells));
          }};
}

SampleRule conserved_sum() {
  return {{"conserved"},
          [](MaskedPair const& pair, Cells const& cells) {
            return column(pair.weighted_mean(pair.error, cells).square());
          },
          Reduction::sum,
          root_of_quotient};
}

}  // namespace eddyline
