#include "workflows/metrics/spectral.hpp"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include "workflows/metrics/spectrum.hpp"

namespace eddyline {
namespace {

constexpr int64_t kBands = 3;
constexpr double kEpsilonWell = 1e-7;
constexpr double kNoEnergy = 1e-12;  // of a sample's energy: a band below it does not divide
constexpr int64_t kMidStart = 4;     // PDEBench: low is k < 4, high is k >= 12
constexpr int64_t kHighStart = 12;

std::vector<int64_t> from_the_end(Grid const& grid) {
  std::vector<int64_t> axes;
  for (int64_t a = -grid.dimensions(); a < 0; ++a) {
    axes.push_back(a);
  }
  return axes;
}

/// Number of the band of each wave number, by the edges between bands (ascending).
at::Tensor band_of(at::Tensor const& wavenumber, std::vector<double> const& edges) {
  return at::bucketize(
             wavenumber, at::tensor(edges, at::kDouble), /*out_int32=*/false, /*right=*/true) -
         1;
}

/// Edges 0, …, `last` with the inner two log-spaced between `first` and `last`.
std::vector<double> log_edges(double first, double last) {
  auto const ratio = std::pow(last / first, 1.0 / kBands);
  return {0.0, first * ratio, first * ratio * ratio, last};
}

}  // namespace

SampleRule spectrum_well(Grid const& grid) {
  auto const shape = grid.shape();
  auto const longest = static_cast<double>(*std::max_element(shape.begin(), shape.end()));
  auto const last = std::numbers::pi * std::sqrt(static_cast<double>(grid.dimensions())) + 1e-6;
  auto const edges = log_edges(2 * std::numbers::pi / longest, last);
  auto const axes = from_the_end(grid);
  return {.names = {"spectrum.well.low", "spectrum.well.mid", "spectrum.well.high"},
          .measure =
              [=](MaskedPair const& pair, Cells const&) {
                auto const error = plain_spectrum(pair.error, axes);
                auto const band = band_of(error.wavenumber, edges);
                auto const truth =
                    sum_shells(plain_spectrum(pair.target, axes).energy, band, kBands);
                return sum_shells(error.energy, band, kBands) / (truth + kEpsilonWell);
              },
          .reach = Reach::samples};
}

SampleRule spectrum_own(Grid const& grid) {
  return {
      .names = {"spectrum.low", "spectrum.mid", "spectrum.high"},
      .measure =
          [grid](MaskedPair const& pair, Cells const&) {
            auto const error = modal_spectrum(pair.error, grid);
            auto const& k = error.wavenumber;
            auto const largest = k.max().item<double>();
            auto const smallest = largest > 0 ? k.masked_select(k.gt(0)).min().item<double>() : 1.0;
            auto const band =
                band_of(k, log_edges(smallest, std::max(largest, smallest) * (1 + 1e-9)));
            auto const truth = sum_shells(modal_spectrum(pair.target, grid).energy, band, kBands);
            auto const floor = truth.sum(-1, /*keepdim=*/true) * kNoEnergy;
            return sum_shells(error.energy, band, kBands) / (truth + floor);
          },
      .reach = Reach::samples};
}

namespace {

/// PDEBench's shells: one dimension keeps every wave number up to n / 2; more keep the quadrant of
/// non-negative wave numbers below n / 2, shell = floor|k|, up to the shortest axis.
at::Tensor shells_pdebench(Grid const& grid) {
  auto const shape = grid.shape();
  auto square = at::zeros({1, 1, 1}, at::kDouble);
  auto inside = at::ones({1, 1, 1}, at::kBool);
  for (int64_t a = 3 - grid.dimensions(); a < 3; ++a) {
    std::array<int64_t, 3> view = {1, 1, 1};
    auto const n = shape[static_cast<size_t>(a)];
    view[static_cast<size_t>(a)] = n;
    auto const k = at::arange(n, at::kDouble).view(view);
    auto const last = grid.dimensions() == 1 ? n / 2 : n / 2 - 1;
    square = square + k.square();
    inside = at::logical_and(inside, k.le(static_cast<double>(last)));
  }
  return at::where(inside, at::floor(at::sqrt(square)), at::full({}, -1.0, at::kDouble))
      .to(at::kLong);
}

int64_t shell_count_pdebench(Grid const& grid) {
  if (grid.dimensions() == 1) {
    return grid.axis(2).size() / 2 + 1;
  }
  int64_t shortest = grid.axis(2).size();
  for (int a = 3 - grid.dimensions(); a < 3; ++a) {
    shortest = std::min(shortest, grid.axis(a).size());
  }
  return std::max<int64_t>(shortest / 2, 1);
}

}  // namespace

SampleRule frmse_pdebench(Grid const& grid) {
  auto const axes = from_the_end(grid);
  auto const shell = shells_pdebench(grid);
  auto const count = shell_count_pdebench(grid);
  return {{"frmse.pdebench.low", "frmse.pdebench.mid", "frmse.pdebench.high"},
          [=](MaskedPair const& pair, Cells const&) {
            return sum_shells(plain_spectrum(pair.error, axes).energy, shell, count);
          },
          Reduction::sum,
          [count](at::Tensor const& sums, at::Tensor const& samples) {
            auto const roots = at::sqrt(sums / samples);  // (C, shells)
            auto const band = [&](int64_t first, int64_t last) {
              return roots.slice(1, std::min(first, count), std::min(last, count))
                  .mean(1);  // NaN where empty
            };
            return at::stack(
                {band(0, kMidStart), band(kMidStart, kHighStart), band(kHighStart, count)}, 1);
          },
          Channels::each,
          Reach::samples};
}

}  // namespace eddyline
