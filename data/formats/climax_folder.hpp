#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/field/grid.hpp"

namespace eddyline {

/// One file of records that follow each other in time.
struct ClimaxShard {
  std::filesystem::path path;
  std::optional<int64_t> year;  ///< of "1979_3.npz"
  int64_t part = 0;             ///< 3 of it
  int64_t frames = 0;           ///< filled in by who opens it
};

/// Parts of the data set that have shards, in the order train, valid, test. The folder of valid is
/// called val.
std::vector<std::string> climax_splits(std::filesystem::path const& folder);

/// The shards of a part, or of all, by year and number; climatology files are none.
/// \throw Error  if there are none
std::vector<ClimaxShard> climax_shards(std::filesystem::path const& folder,
                                       std::string const& split);

/// The grid of lat.npy and lon.npy. \throw Error  naming the file and what is wrong
Grid climax_grid(std::filesystem::path const& folder);

/// Hours from the beginning of the first year to each shard's first record, where that is certain:
/// every year's shards are numbered from 0 without gaps and hold the 8760 h that ClimaX's converter
/// keeps of any year. Otherwise empty.
/// \param hours  between records
std::vector<double> climax_start_hours(std::vector<ClimaxShard> const& shards, double hours);

}  // namespace eddyline
