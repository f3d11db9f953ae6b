#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace eddyline {

/// The 48 variables of the published checkpoints, in the order of their weights: three constants,
/// three at the surface, six families at 50 … 925 hPa. 'lattitude' is spelled as upstream does.
std::vector<std::string> published_variables();
/// The forcings of ClimateBench: CO2, SO2, CH4, BC.
std::vector<std::string> climatebench_variables();

/// Places of `wanted` among `variables`, by name or by what short codes stand for.
/// \param what  "input" or "output", for messages
/// \throw Error  naming one that is unknown, with the nearest, or two that are the same
std::vector<int64_t> find_variables(std::vector<std::string> const& variables,
                                    std::vector<std::string> const& wanted,
                                    std::string const& what);

}  // namespace eddyline
