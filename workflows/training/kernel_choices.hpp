#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "core/communicator.hpp"

namespace eddyline {

/// What chose the kernels of this run and so decides the bits of its sums, besides the settings:
///   device         "cpu" or "cuda"
///   processor      model of the CPUs; several if the ranks' differ
///   instructions   that LibTorch's own kernels use: "AVX2", "AVX512"
///   libtorch, oneDNN, MKL, OpenMP   versions; "off" where not used
/// Stored in every checkpoint. Collective.
nlohmann::json kernel_choices(at::Device device, Communicator const& ranks);

/// "processor: 'A' instead of 'B'" for each choice that is not as it was stored.
std::vector<std::string> kernel_differences(nlohmann::json const& now,
                                            nlohmann::json const& before);

}  // namespace eddyline
