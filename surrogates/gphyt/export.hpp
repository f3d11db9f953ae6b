#pragma once

#include <string>
#include <vector>

#include "surrogates/gphyt/gphyt.hpp"

namespace eddyline {

/// The buffers that upstream's state dict holds besides the parameters: filters of the derivatives,
/// patch size, frequencies of the rotations, masks of causal attention. A mask is of the tokens of
/// one grid: without one in `spec` the report names it as missing.
StateDict gphyt_extra_state(Surrogate const& network,
                            SurrogateSpec const& spec,
                            std::vector<std::string>& report);

}  // namespace eddyline
