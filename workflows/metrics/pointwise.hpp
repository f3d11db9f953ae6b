#pragma once

#include "workflows/metrics/sample_metric.hpp"

namespace eddyline {

/// Rules of the metrics that compare cell by cell. The registry (registry.hpp) holds the
/// definitions.
SampleRule vrmse_well();
SampleRule nrmse_well();
SampleRule linf_well();
SampleRule pearson_well();
SampleRule rmse_pdebench();
SampleRule nrmse_pdebench();
SampleRule crmse_pdebench();
SampleRule brmse_pdebench();
SampleRule elements_morph();
SampleRule vrmse_weighted();
SampleRule nrmse_weighted();
SampleRule max_error();
SampleRule rmse_weighted();
SampleRule rmse_unweighted();
SampleRule mae_weighted();
SampleRule bias_weighted();
SampleRule conserved_sum();

}  // namespace eddyline
