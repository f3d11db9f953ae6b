#include "data/pipeline/window.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace eddyline {

WindowShape WindowShape::resolved() const {
  require(history >= 1, "data.history is ", history, "; a sample needs at least one input frame");
  require(horizon >= 1, "data.horizon is ", horizon, "; a sample needs at least one target frame");
  require(stride >= 1, "data.stride is ", stride, "; neighbouring frames are at least 1 apart");
  require(input_stride >= 0,
          "data.input_stride is ",
          input_stride,
          "; give a number of frames, or 0 for data.stride");
  require(lead >= 0, "data.lead is ", lead, "; give a number of frames, or 0 for data.stride");
  require(target_time == TargetTime::ahead || (lead == 0 && horizon == 1),
          "data.target_time is same, so there is one target and no lead, but data.lead is ",
          lead,
          " and data.horizon ",
          horizon,
          "; leave them out, or set data.target_time=ahead");
  auto shape = *this;
  shape.input_stride = input_stride == 0 ? stride : input_stride;
  shape.lead = lead == 0 && target_time == TargetTime::ahead ? stride : lead;
  return shape;
}

int64_t WindowShape::target_offset() const {
  auto const shape = resolved();
  return (shape.history - 1) * shape.input_stride + shape.lead;
}

int64_t WindowShape::span() const {
  return target_offset() + (horizon - 1) * stride + 1;
}

bool WindowShape::is_even() const {
  auto const shape = resolved();
  auto const step = shape.lead;
  return step > 0 && (shape.history == 1 || shape.input_stride == step) &&
         (shape.horizon == 1 || shape.stride == step);
}

WindowShape window_shape(DataConfig const& config) {
  return WindowShape{.history = config.history,
                     .horizon = config.horizon,
                     .stride = config.stride,
                     .input_stride = config.input_stride,
                     .lead = config.lead,
                     .target_time = config.target_time}
      .resolved();
}

std::vector<WindowShape> strided(WindowShape shape, DataConfig const& config) {
  if (config.strides.empty()) {
    return {shape.resolved()};
  }
  require(config.target_time == TargetTime::ahead,
          "data.strides gives samples several lead times, which data.target_time=same has none of; "
          "leave one of them out");
  std::vector<WindowShape> shapes;
  for (auto const stride : config.strides) {
    require(stride >= 1 && std::count(config.strides.begin(), config.strides.end(), stride) == 1,
            "data.strides is [",
            config.strides,
            "]; give numbers of frames >= 1, each once");
    shape.stride = stride;
    shape.input_stride = config.input_stride;
    shape.lead = config.lead;
    shapes.push_back(shape.resolved());
  }
  return shapes;
}

std::optional<double> frame_interval(DatasetSpec const& data) {
  for (auto const& series : data.trajectories) {
    auto const& t = series.times;
    if (t.size() > 1) {
      require(t.back() > t.front(),
              "the times of ",
              series.source,
              " do not increase (",
              t.front(),
              " … ",
              t.back(),
              ")");
      return (t.back() - t.front()) / static_cast<double>(t.size() - 1);
    }
  }
  return std::nullopt;
}

FrameRange input_frames(WindowShape const& shape, WindowAddress const& address) {
  return {address.trajectory, address.first, shape.history, shape.resolved().input_stride};
}

FrameRange target_frames(WindowShape const& shape, WindowAddress const& address) {
  return {address.trajectory, address.first + shape.target_offset(), shape.horizon, shape.stride};
}

}  // namespace eddyline
