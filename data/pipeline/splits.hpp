#pragma once

#include <vector>

#include "data/formats/reader.hpp"
#include "data/pipeline/data_config.hpp"
#include "data/pipeline/window.hpp"

namespace eddyline {

/// Frames first … last of one series of a reader that belong to a part of the data.
struct SplitPart {
  int64_t series = 0;  ///< trajectory of the reader
  int64_t first = 0;
  int64_t last = 0;           ///< included
  int64_t targets_first = 0;  ///< earlier frames may only be inputs

  int64_t frames() const { return last - first + 1; }
  bool operator==(SplitPart const&) const = default;
};

/// The series, or the pieces of series, that make one part of a data set.
///
/// `frames` without named spans: each series is cut by `fractions`; between neighbouring parts the
/// gap of one window and its lead (of the window that `data` asks for) is left out, so that no
/// frame of a training window is near a scored one. Named spans are taken as they are and must not
/// overlap. \throw Error  naming the key: shares that do not fit, spans that overlap or leave the
/// series
std::vector<SplitPart> split_series(DatasetSpec const& data, DataConfig const& config, Split split);

/// True if the frames or fractions of `config` give that part something (by: given has all).
bool gives_part(SplitConfig const& config, Split split);

std::string to_string(Split split);

}  // namespace eddyline
