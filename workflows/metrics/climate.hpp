#pragma once

#include "workflows/metrics/sample_metric.hpp"

namespace eddyline {

/// The scores of workflows/metrics/climax_scores.hpp, taken in sample by sample and over all ranks;
/// here over a whole data set, while upstream averages them over its batches. Rows weigh
/// cos(latitude) over its mean where latitude is on axis H, as upstream's; cells of other grids by
/// their volume.

/// `mse.climax`.
SampleRule mse_climax(Grid const& grid);
/// `rmse.climax`, mean of the samples' roots, and `rmse_of_mean.climax`, root of their mean.
SampleRule roots_climax(Grid const& grid);
/// `nrmses.climatebench`, `nrmseg.climatebench`, `nrmse.climatebench`. Keeps a map for each
/// channel.
SampleRule errors_climatebench(Grid const& grid);

/// `acc.climax`: correlation of the anomalies, their plain means over samples and cells taken off.
/// Takes Comparison::climatology; without one it is NaN.
class AnomalyCorrelation final : public Metric {
 public:
  explicit AnomalyCorrelation(Grid const& grid);
  std::vector<std::string> names() const override { return metric_.names(); }
  void update(Comparison const& comparison) override;
  std::map<std::string, MetricResult> result(Communicator const& communicator) const override;

 private:
  SampleMetric metric_;  ///< over anomalies
};

}  // namespace eddyline
