#pragma once

#include <array>
#include <cstdint>

#include "data/formats/registry.hpp"

namespace eddyline {

/// PDEBench (Takamoto et al. 2022): one HDF5 file, or a folder of files of one kind. Two layouts:
/// one array a variable (advection, Burgers, reaction-diffusion, Darcy, compressible and
/// incompressible Navier-Stokes), or one group a seed (shallow water, diffusion-reaction,
/// diffusion-sorption). Darcy is a single frame with the constant field `nu`. Vx, Vy, Vz are one
/// vector `velocity`. diffusion-reaction is stored y before x, and its axes say so.
/// Splits "train" and "test" follow upstream's rule with its share of 0.1 (pdebench_test_part).
FormatEntry pdebench_format();

/// Which layout a file has: the rule of the split depends on it.
enum class PdebenchLayout { arrays, groups };

/// Samples [first, last) that upstream tests on: the first int(n · share) where a variable is one
/// array, the last ones where each seed is a group. Source: PDEBench, its two data loaders.
std::array<int64_t, 2> pdebench_test_part(int64_t samples,
                                          PdebenchLayout layout,
                                          double share = 0.1);

}  // namespace eddyline
