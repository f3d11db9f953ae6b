#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/cell_numbers.hpp"
#include "data/field/grid.hpp"
#include "data/pipeline/statistics.hpp"

namespace eddyline {

/// Puts mean and standard deviation that a folder of ClimaX's shards comes with
/// (normalize_mean.npz, normalize_std.npz: one number a variable) in place of computed ones, of the
/// state's channels and of constants; changes and counts stay. The mean of total_precipitation is
/// 0, as in ClimaX's reader. What ClimaX's converter wrote for variables on levels is of the last
/// year only. Source: microsoft/ClimaX at 6d5d354, its converter and data modules. \throw Error  if
/// a file is missing or damaged, lacks a channel, or a deviation is not above 0
void use_published_statistics(Statistics& statistics, std::filesystem::path const& folder);

/// The mean over all times of the training part that such a folder comes with,
/// train/climatology.npz, (C, 1, H, W) on cells of the grid of its files; no others are read.
/// \throw Error  if the file is missing or damaged, lacks a channel, or has another grid
at::Tensor published_climatology(std::filesystem::path const& folder,
                                 std::vector<std::string> const& channels,
                                 Grid const& grid,
                                 CellNumbers const& cells);

}  // namespace eddyline
