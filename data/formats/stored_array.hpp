#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/decomposition.hpp"
#include "data/hdf5/data_set.hpp"

namespace eddyline {

/// What one axis of a data set counts.
struct StoredAxis {
  enum class Role { sample, time, space, component };
  Role role = Role::time;
  int space = 0;      ///< of a space axis: 0 D, 1 H, 2 W
  int64_t first = 0;  ///< of a component axis: the components that are read
  int64_t count = 1;
  int64_t total = 1;  ///< of a component axis: its extent in the file
};

/// Channels of a State (or constant fields) as one data set holds them: which axis is which, in the
/// file's order. Space axes that the data set lacks are repeated; one without a time axis does not
/// change in time, one without a sample axis is shared by all samples.
struct StoredArray {
  std::string data_set;
  std::vector<StoredAxis> axes;
  int64_t first_channel = 0;

  /// Product of the component axes' counts.
  int64_t channels() const;
  bool has(StoredAxis::Role role) const;
};

/// The part of it that is wanted.
struct StoredPart {
  int64_t sample = 0;
  int64_t first = 0;  ///< frame
  int64_t count = 1;
  int64_t stride = 1;
  Box box;
};

/// What the file must hold for an array to fit its data set.
struct StoredExtent {
  int64_t samples = 1;
  int64_t frames = 1;  ///< at least
  std::array<int64_t, 3> grid = {1, 1, 1};
};

/// \throw Error  naming the data set, its shape and what was expected: "(2 samples, 6 frames, 32,
/// 24)"
void check_shape(StoredArray const& array, Hdf5DataSet const& data, StoredExtent const& extent);

/// Reads a part into `out` (count, channels, D, H, W of the box): float32, any strides.
/// \return  bytes asked of the file
int64_t read_stored(StoredArray const& array,
                    Hdf5DataSet const& data,
                    StoredPart const& part,
                    at::Tensor const& out);

/// Joins neighbours that are consecutive components of one data set, so that it is read once.
std::vector<StoredArray> join_neighbours(std::vector<StoredArray> const& arrays);

}  // namespace eddyline
