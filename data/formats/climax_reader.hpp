#pragma once

#include "data/formats/registry.hpp"

namespace eddyline {

/// The registry's line for ClimaX's npz shards: a folder with lat.npy, lon.npy and train, val, test
/// of <year>_<part>.npz, whose arrays are (N, 1, H, W), one a variable. What the reader makes of
/// it:
///
/// A shard is a trajectory, as in ClimaX: no window crosses two. Land-sea mask, orography and
/// latitude are constants unless they are asked for as fields. Fields may be asked for by short
/// code (z_500 is geopotential_500) and keep the name they were asked by. The map's key `hours` is
/// the time between records, which the files do not say. Files are mapped and read where they are
/// touched; compressed arrays are unpacked whole and kept up to 512 MiB.
/// Source: microsoft/ClimaX at commit 6d5d354, its converter and its reader of shards.
FormatEntry climax_format();

}  // namespace eddyline
