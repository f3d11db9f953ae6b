#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "data/pipeline/dataset.hpp"

namespace eddyline {

/// Moments of the channels of a data set over all its trajectories, frames and cells, missing
/// values left out; population moments in float64 (rms² = std² + mean²). Deltas are x(t + k) − x(t)
/// for all t, k frames.
struct Statistics {
  std::string dataset;                ///< key: name of the data set
  std::vector<std::string> channels;  ///< of the state, C names; all vectors below have C entries
  std::vector<double> mean, std, rms;
  std::vector<double> mean_delta, std_delta, rms_delta;
  std::vector<double> count, count_delta;      ///< values that were there
  int64_t delta_frames = 1;                    ///< k
  std::vector<std::string> constant_channels;  ///< of constant fields, with their own moments
  std::vector<double> constant_mean, constant_std, constant_rms;

  /// {data set: {channels, mean, …}}.
  nlohmann::json to_json() const;
  /// Those of a data set among several; a single entry serves any data set.
  /// \throw Error  naming the data sets that are there, or the key that is missing or of another
  /// length
  static Statistics from_json(nlohmann::json const& json, std::string const& dataset = "");
  /// Moments of the named channels, in that order. \throw Error naming a channel that is not here
  Statistics select(std::vector<std::string> const& names) const;
  /// All components of a field get the field's pooled moments.
  Statistics pooled(FieldSet const& fields) const;
};

/// Whether a cell counts once or by its volume (area on a sphere).
enum class CellWeights { equal, volume };
template <>
struct EnumNames<CellWeights> {
  static constexpr auto names = std::to_array<std::pair<CellWeights, char const*>>(
      {{CellWeights::equal, "equal"}, {CellWeights::volume, "volume"}});
};

struct StatisticsOptions {
  CellWeights weights = CellWeights::equal;
  int64_t delta_frames = 0;  ///< 0: the lead of the data set's window
};

/// One pass over the data, each rank reads its share; the result has the same bits for any number
/// of ranks. Give it the training part. Padded cells are left out. Collective.
Statistics compute_statistics(Dataset& data,
                              Communicator const& ranks,
                              StatisticsOptions const& options = {});

}  // namespace eddyline
