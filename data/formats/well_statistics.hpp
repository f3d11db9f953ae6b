#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/field/field_set.hpp"

namespace eddyline {

/// stats.yaml of The Well: moments of the training part, for each field one number a component
/// (row-major). Maps of differences between neighbouring frames are empty in older files.
/// Source: The Well's data format; population moments, rms^2 = std^2 + mean^2.
struct WellStatistics {
  using Moments = std::map<std::string, std::vector<double>>;
  Moments mean, std, rms, mean_delta, std_delta, rms_delta;

  /// One number a channel of `fields`. \throw Error  naming the field that is missing or has other
  /// components
  static std::vector<double> of_channels(Moments const& moments, FieldSet const& fields);
};

/// \throw Error  naming file and key, if it is not such a file
WellStatistics read_well_statistics(std::filesystem::path const& path);

/// Writes it as upstream does: four decimals, scientific, lists nested for vectors and tensors.
/// \param fields  tell scalars, vectors and tensors apart
void write_well_statistics(std::filesystem::path const& path,
                           WellStatistics const& statistics,
                           FieldSet const& fields);

}  // namespace eddyline
