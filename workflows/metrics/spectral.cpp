#include "workflows/metrics/spectral.hpp"

#include <cmath>
#include <limits>
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

/// Energy in shells of all ranks that share the samples: (B, C, count).
at::Tensor in_shells(PlainSpectrum const& spectrum,
                     at::Tensor const& shell,
                     int64_t count,
                     MaskedPair const& pair) {
  return pair.joined(sum_shells(spectrum.energy, shell, count));
}

/// Smallest wave number above 0 of all ranks (1 if there is none), and the largest.
std::pair<double, double> range_above_zero(at::Tensor const& wavenumber, MaskedPair const& pair) {
  auto const none = at::full({}, std::numeric_limits<double>::infinity(), at::kDouble);
  auto const above = at::where(wavenumber.gt(0), wavenumber, none);
  auto const ends = pair.most(at::stack({-above.min(), wavenumber.max()}));
  auto const smallest = -ends[0].item<double>();
  return {std::isfinite(smallest) ? smallest : 1.0, ends[1].item<double>()};
}

}  // namespace

SampleRule spectrum_well(Grid const& grid) {
  auto const shape = grid.shape();
  auto const longest = static_cast<double>(*std::max_element(shape.begin(), shape.end()));
  auto const last = std::numbers::pi * std::sqrt(static_cast<double>(grid.dimensions())) + 1e-6;
  auto const edges = log_edges(2 * std::numbers::pi / longest, last);
  auto const axes = from_the_end(grid);
  return {{"spectrum.well.low", "spectrum.well.mid", "spectrum.well.high"},
          [=](MaskedPair const& pair, Cells const&) {
            auto const error = plain_spectrum(pair.error, axes, pair.sharding());
            auto const band = band_of(error.wavenumber, edges);
            auto const target = plain_spectrum(pair.target, axes, pair.sharding());
            return in_shells(error, band, kBands, pair) /
                   (in_shells(target, band, kBands, pair) + kEpsilonWell);
          }};
}

SampleRule spectrum_own(Grid const& grid) {
  return {{"spectrum.low", "spectrum.mid", "spectrum.high"},
          [grid](MaskedPair const& pair, Cells const&) {
            auto const error = modal_spectrum(pair.error, grid, pair.sharding());
            auto const& k = error.wavenumber;
            auto const [smallest, largest] = range_above_zero(k, pair);
            auto const band =
                band_of(k, log_edges(smallest, std::max(largest, smallest) * (1 + 1e-9)));
            auto const target = modal_spectrum(pair.target, grid, pair.sharding());
            auto const truth = in_shells(target, band, kBands, pair);
            auto const floor = truth.sum(-1, /*keepdim=*/true) * kNoEnergy;
            return in_shells(error, band, kBands, pair) / (truth + floor);
          }};
}

namespace {

/// PDEBench's shells: one dimension keeps every wave number up to n / 2; more keep the quadrant of
/// non-negative wave numbers below n / 2, shell = floor|k|, up to the shortest axis.
/// Of those modes: (D, H, W).
at::Tensor shells_pdebench(Grid const& grid, Box const& box) {
  auto const shape = grid.shape();
  auto square = at::zeros({1, 1, 1}, at::kDouble);
  auto inside = at::ones({1, 1, 1}, at::kBool);
  for (int64_t a = 3 - grid.dimensions(); a < 3; ++a) {
    std::array<int64_t, 3> view = {1, 1, 1};
    auto const n = shape[static_cast<size_t>(a)];
    auto const size = box.size[static_cast<size_t>(a)];
    view[static_cast<size_t>(a)] = size;
    auto const first = static_cast<double>(box.first[static_cast<size_t>(a)]);
    auto const k = at::arange(size, at::kDouble).add(first).view(view);
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
  auto const count = shell_count_pdebench(grid);
  return {{"frmse.pdebench.low", "frmse.pdebench.mid", "frmse.pdebench.high"},
          [=](MaskedPair const& pair, Cells const&) {
            auto const error = plain_spectrum(pair.error, axes, pair.sharding());
            return in_shells(error, shells_pdebench(grid, pair.box()), count, pair);
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
          }};
}

}  // namespace eddyline
