#include "workflows/metrics/pooled.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "workflows/metrics/cells.hpp"

namespace eddyline {
namespace {

constexpr double kEpsilonMorph = 1e-7;

}  // namespace

void PooledMetric::update(Comparison const& comparison) {
  MaskedPair const pair(comparison);
  auto const samples = pair.target.size(0);
  EDDYLINE_ENSURE(static_cast<int64_t>(comparison.trajectories.size()) == samples,
                  "a trajectory number for each of ",
                  samples,
                  " samples is needed, got ",
                  comparison.trajectories.size());
  auto const sum = [&](at::Tensor const& values) { return pair.sum(values).sum(1); };  // (B)
  auto const count = sum(pair.counts);
  auto const mean = sum(pair.target) / count;
  auto const spread = sum(((pair.target - mean.view({-1, 1, 1, 1, 1})) * pair.counts).square());
  auto const error = sum(pair.error.square());
  for (int64_t b = 0; b < samples; ++b) {
    auto const n = count[b].item<double>();
    if (n == 0) {
      continue;
    }
    auto& moments = trajectories_[comparison.trajectories[static_cast<size_t>(b)]];
    // Chan, Golub & LeVeque 1979: joining two sets keeps the digits that sums of squares lose.
    auto const total = moments.count + n;
    auto const shift = mean[b].item<double>() - moments.mean;
    moments.spread += spread[b].item<double>() + shift * shift * moments.count * n / total;
    moments.mean += shift * n / total;
    moments.error += error[b].item<double>();
    moments.count = total;
  }
}

std::map<std::string, MetricResult> PooledMetric::result(Communicator const& communicator) const {
  auto const mine = trajectories_.empty() ? int64_t{0} : trajectories_.rbegin()->first + 1;
  auto const size = static_cast<size_t>(communicator.all_reduce(mine, Reduction::max));
  std::vector<double> count(size), sum(size), error(size);
  for (auto const& [trajectory, moments] : trajectories_) {
    auto const at = static_cast<size_t>(trajectory);
    count[at] = moments.count;
    sum[at] = moments.count * moments.mean;
    error[at] = moments.error;
  }
  communicator.all_reduce(std::span(count));
  communicator.all_reduce(std::span(sum));
  communicator.all_reduce(std::span(error));
  std::vector<double> spread(size);
  for (auto const& [trajectory, moments] : trajectories_) {
    auto const at = static_cast<size_t>(trajectory);
    auto const shift = moments.mean - sum[at] / count[at];
    spread[at] = moments.spread + moments.count * shift * shift;
  }
  communicator.all_reduce(std::span(spread));
  double vrmse = 0, nrmse = 0, seen = 0;
  for (size_t i = 0; i < size; ++i) {
    if (count[i] > 0) {
      auto const mean = sum[i] / count[i];
      auto const variance = spread[i] / count[i];
      vrmse += std::sqrt(error[i] / count[i] / (variance + kEpsilonMorph));
      nrmse += std::sqrt(error[i] / count[i] / (variance + mean * mean + kEpsilonMorph));
      seen += 1;
    }
  }
  return {{"vrmse.morph", {{}, vrmse / seen}}, {"nrmse.morph", {{}, nrmse / seen}}};
}

}  // namespace eddyline
