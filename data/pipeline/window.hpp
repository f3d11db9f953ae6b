#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/formats/reader.hpp"
#include "data/pipeline/data_config.hpp"

namespace eddyline {

/// Frames that make one sample. With the newest input frame at index a, the inputs are
/// a − (history−1)·input_stride, …, a and the targets a + lead, a + lead + stride, …
/// (history 4, stride 6 on hourly data: inputs −18, −12, −6, 0 h, target 6 h).
struct WindowShape {
  int64_t history = 1;       ///< input frames
  int64_t horizon = 1;       ///< target frames
  int64_t stride = 1;        ///< frames between neighbouring targets
  int64_t input_stride = 0;  ///< frames between neighbouring inputs; 0: as stride
  int64_t lead = 0;          ///< frames from the newest input to the first target; 0: as stride
  TargetTime target_time = TargetTime::ahead;  ///< same: the lead is none, 0 stays 0

  /// The same with input_stride and lead filled in.
  /// \throw Error  naming the key of `data` that is not positive
  WindowShape resolved() const;
  /// Frames from the first input to the first target.
  int64_t target_offset() const;
  /// Frames that a window covers, first input to last target, both included.
  int64_t span() const;
  /// True if inputs and targets are equally spaced, so that one read gets both.
  bool is_even() const;
  bool operator==(WindowShape const&) const = default;
};

/// The window that `data` asks for.
WindowShape window_shape(DataConfig const& config);

/// `shape` at each of data.strides, in their order; itself alone where there are none.
/// \throw Error  naming a stride that is not positive or is there twice
std::vector<WindowShape> strided(WindowShape shape, DataConfig const& config);

/// Place of a sample: its first input frame in a trajectory of the Dataset.
struct WindowAddress {
  int64_t trajectory = 0;
  int64_t first = 0;
  int64_t shape = 0;  ///< which of the window shapes: place in data.strides

  bool operator==(WindowAddress const&) const = default;
};

/// Mean time between neighbouring frames of the first series that has two; none if no series has.
/// \throw Error  if its times do not increase
std::optional<double> frame_interval(DatasetSpec const& data);

FrameRange input_frames(WindowShape const& shape, WindowAddress const& address);
FrameRange target_frames(WindowShape const& shape, WindowAddress const& address);

}  // namespace eddyline
