#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/decomposition.hpp"
#include "data/field/field_set.hpp"
#include "data/field/grid.hpp"

namespace eddyline {

/// One series of a data set.
struct TrajectorySpec {
  std::vector<double> times;                 ///< of its frames
  std::string source;                        ///< "file.hdf5, sample 3": for messages
  std::map<std::string, double> parameters;  ///< constant scalars of this series

  int64_t frames() const { return static_cast<int64_t>(times.size()); }
};

/// What a data set (one split of it) holds.
struct DatasetSpec {
  std::string name;
  std::string format;  ///< "well", "pdebench", "netcdf", "hdf5", "npy", "rollout"
  FieldSet fields;     ///< change in time: the channels of a State
  FieldSet constants;  ///< do not
  std::vector<std::string> scalars;
  Grid grid;
  std::string time_unit;    ///< "" if the files do not say
  std::string time_origin;  ///< "1900-01-01 00:00:00", the date of time 0; "" if there is none
  std::string calendar;     ///< of CF: "standard", "360_day", "noleap"; "" is standard
  std::vector<TrajectorySpec> trajectories;
  std::vector<std::string> files;    ///< in the order they are read
  std::vector<std::string> remarks;  ///< what `inspect` should say besides
};

/// Frames first, first + stride, … of one trajectory.
struct FrameRange {
  int64_t trajectory = 0;
  int64_t first = 0;
  int64_t count = 1;
  int64_t stride = 1;
};

/// One format's door: lazy, seekable by trajectory, time and box. Reads are independent for each
/// rank; one thread of a process calls it at a time. Missing values (fill values) arrive as NaN.
class Reader {
 public:
  virtual ~Reader() = default;

  virtual DatasetSpec const& spec() const = 0;
  /// Reads into `out` (count, C, D, H, W) float32, contiguous, on the host, of the box's size.
  /// \throw Error  naming file, data set and what was expected
  virtual void read(FrameRange const& frames, Box const& box, at::Tensor const& out) = 0;
  /// Constant fields of a trajectory: (Cc, D, H, W) of the box; undefined where there are none.
  virtual at::Tensor read_constants(int64_t trajectory, Box const& box) = 0;
  /// Scalars at those frames: (count, S); undefined where there are none.
  virtual at::Tensor read_scalars(FrameRange const& frames) = 0;
  /// Bytes of field data asked of the file system so far by this reader.
  virtual int64_t bytes_read() const = 0;
};

}  // namespace eddyline
