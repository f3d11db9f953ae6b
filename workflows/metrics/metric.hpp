#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/communicator.hpp"
#include "data/sharding/sharding.hpp"

namespace eddyline {

/// Samples whose prediction is measured against the truth, all at one step.
struct Comparison {
  at::Tensor prediction;  ///< (B, C, D, H, W)
  at::Tensor target;      ///< same shape
  at::Tensor mask;  ///< 1 where a value counts, 0 where not: (B or 1, C or 1, D, H, W); undefined:
                    ///< all count
  /// Global number of the trajectory of each sample, for metrics that pool whole trajectories.
  std::vector<int64_t> trajectories;
  /// What is usual at that time, of data that are not scored: (B, C, D, H, W); undefined: not
  /// known.
  at::Tensor climatology;
  /// How the cells lie on ranks; none: the samples are whole. Otherwise the parts above hold this
  /// rank's block, and metrics measure the whole all the same.
  std::shared_ptr<Sharding const> sharding;
};

/// What a metric found, over all ranks.
struct MetricResult {
  std::vector<double> channels;  ///< one value a channel; empty where the metric pools all channels
  double overall = 0;            ///< mean over the channels, or the pooled value
};

/// A measure of predictions. Sums are kept in float64 and joined over the ranks by result(), so
/// that it does not depend on the rank count beyond round-off.
class Metric {
 public:
  virtual ~Metric() = default;

  /// One name a column: each carries its convention, "vrmse.well".
  virtual std::vector<std::string> names() const = 0;
  /// Takes in the samples of one comparison; may be called any number of times, also never.
  virtual void update(Comparison const& comparison) = 0;
  /// Values by name; NaN where no sample was seen. Collective.
  virtual std::map<std::string, MetricResult> result(Communicator const& communicator) const = 0;
};

}  // namespace eddyline
