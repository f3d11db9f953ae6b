#pragma once

#include "workflows/metrics/sample_metric.hpp"

namespace eddyline {

/// GPhyT's errors of every sample and channel: `mse.gphyt` mean((p-y)^2), and as shares of the
/// truth's size, `nmse.gphyt` mean((p-y)^2) / (mean(y^2) + 1e-6) and `vmse.gphyt`
/// mean((p-y)^2) / (std(y)^2 + 1e-6), std with N - 1. Every cell counts alike; mean over samples.
SampleRule mse_gphyt();
SampleRule shares_gphyt();

/// GPhyT's single numbers. `nrmse.gphyt` and `vrmse.gphyt` pool all samples, channels and cells,
///   sqrt(mean((p-y)^2) / (mean(y^2) + 1e-6)),   sqrt(mean((p-y)^2) / (std(y)^2 + 1e-6)),
/// while `rnmse.gphyt` and `rvmse.gphyt` are the roots of the mean over samples and channels of
/// `nmse.gphyt` and `vmse.gphyt`.
class GphytMetric final : public Metric {
 public:
  std::vector<std::string> names() const override;
  void update(Comparison const& comparison) override;
  std::map<std::string, MetricResult> result(Communicator const& communicator) const override;

 private:
  double count_ = 0;
  double mean_ = 0;             ///< of the target
  double spread_ = 0;           ///< sum of squared distances of the target to that mean
  double error_ = 0;            ///< sum of squared errors
  double parts_ = 0;            ///< pairs of sample and channel
  double nmse_ = 0, vmse_ = 0;  ///< sums over these pairs
};

}  // namespace eddyline
