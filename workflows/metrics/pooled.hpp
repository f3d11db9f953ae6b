#pragma once

#include <map>

#include "workflows/metrics/metric.hpp"

namespace eddyline {

/// MORPH's `vrmse.morph` and `nrmse.morph`: all frames, channels and cells of a trajectory are
/// pooled,
///   sqrt(mean((p - y)^2) / (mean((y - ybar)^2) + 1e-7))   and   sqrt(mean((p - y)^2) / (mean(y^2)
///   + 1e-7)),
/// then averaged over the trajectories. The channel of the largest physical scale decides.
class PooledMetric final : public Metric {
 public:
  std::vector<std::string> names() const override { return {"vrmse.morph", "nrmse.morph"}; }
  void update(Comparison const& comparison) override;
  std::map<std::string, MetricResult> result(Communicator const& communicator) const override;

 private:
  struct Moments {
    double count = 0;
    double mean = 0;    ///< of the target
    double spread = 0;  ///< sum of squared distances to that mean
    double error = 0;   ///< sum of squared errors
  };
  std::map<int64_t, Moments> trajectories_;
};

}  // namespace eddyline
