#include "workflows/metrics/gphyt.hpp"

#include <cmath>

#include <ATen/ATen.h>

namespace eddyline {
namespace {

constexpr double kEpsilon = 1e-6;

/// nmse and vmse of every sample and channel: (B, C, 2).
at::Tensor shares(MaskedPair const& pair) {
  auto const mean = pair.mean(pair.target);
  auto const centred =
      (pair.target - mean.view({mean.size(0), mean.size(1), 1, 1, 1})) * pair.counts;
  auto const variance = pair.sum(centred.square()) / (pair.cell_count() - 1);
  auto const mse = pair.mean(pair.error.square());
  return at::stack(
      {mse / (pair.mean(pair.target.square()) + kEpsilon), mse / (variance + kEpsilon)}, 2);
}

}  // namespace

SampleRule mse_gphyt() {
  return {{"mse.gphyt"}, [](MaskedPair const& pair, Cells const&) {
            return pair.mean(pair.error.square()).unsqueeze(-1);
          }};
}

SampleRule shares_gphyt() {
  return {{"nmse.gphyt", "vmse.gphyt"},
          [](MaskedPair const& pair, Cells const&) { return shares(pair); }};
}

std::vector<std::string> GphytMetric::names() const {
  return {"nrmse.gphyt", "vrmse.gphyt", "rnmse.gphyt", "rvmse.gphyt"};
}

void GphytMetric::update(Comparison const& comparison) {
  MaskedPair const pair(comparison);
  auto const seen = pair.cell_count().gt(0);  // (B, C)
  auto const sum = [&](at::Tensor const& values) { return pair.sum(values).sum().item<double>(); };
  auto const count = sum(pair.counts);
  if (count == 0) {
    return;
  }
  auto const mean = sum(pair.target) / count;
  auto const spread = sum(((pair.target - mean) * pair.counts).square());
  // Chan, Golub & LeVeque 1979: joining two sets keeps the digits that sums of squares lose.
  auto const total = count_ + count;
  auto const shift = mean - mean_;
  spread_ += spread + shift * shift * count_ * count / total;
  mean_ += shift * count / total;
  error_ += sum(pair.error.square());
  count_ = total;
  auto const pairs = shares(pair).index({seen});  // (…, 2)
  parts_ += static_cast<double>(pairs.size(0));
  nmse_ += pairs.select(1, 0).sum().item<double>();
  vmse_ += pairs.select(1, 1).sum().item<double>();
}

std::map<std::string, MetricResult> GphytMetric::result(Communicator const& communicator) const {
  std::vector<double> sums = {count_, count_ * mean_, error_, parts_, nmse_, vmse_};
  communicator.all_reduce(std::span(sums));
  auto const count = sums[0], mean = sums[1] / count, mse = sums[2] / count, parts = sums[3];
  auto const shift = mean_ - mean;
  std::vector<double> spread = {count_ > 0 ? spread_ + count_ * shift * shift : 0};
  communicator.all_reduce(std::span(spread));
  auto const energy = spread[0] / count + mean * mean;
  auto const variance = spread[0] / (count - 1);
  return {{"nrmse.gphyt", {{}, std::sqrt(mse / (energy + kEpsilon))}},
          {"vrmse.gphyt", {{}, std::sqrt(mse / (variance + kEpsilon))}},
          {"rnmse.gphyt", {{}, std::sqrt(sums[4] / parts)}},
          {"rvmse.gphyt", {{}, std::sqrt(sums[5] / parts)}}};
}

}  // namespace eddyline
