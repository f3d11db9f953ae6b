#pragma once

#include "workflows/metrics/sample_metric.hpp"

namespace eddyline {

/// Rules of the metrics that compare by wave number. The registry (registry.hpp) holds the
/// definitions.
SampleRule spectrum_well(Grid const& grid);
SampleRule spectrum_own(Grid const& grid);
SampleRule frmse_pdebench(Grid const& grid);

}  // namespace eddyline
