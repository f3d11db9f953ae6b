#include "data/formats/trajectory_slice.hpp"

#include <utility>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

class TrajectorySlice final : public Reader {
 public:
  TrajectorySlice(std::unique_ptr<Reader> reader, int64_t first, int64_t end)
      : reader_(std::move(reader)), first_(first), spec_(reader_->spec()) {
    auto const held = static_cast<int64_t>(spec_.trajectories.size());
    require(first >= 0 && first < end && end <= held,
            "trajectories [",
            first,
            ", ",
            end,
            ") of '",
            spec_.name,
            "', which has ",
            held,
            "; the end is not included");
    spec_.trajectories = {spec_.trajectories.begin() + first, spec_.trajectories.begin() + end};
  }
  DatasetSpec const& spec() const override { return spec_; }
  void read(FrameRange const& frames, Box const& box, at::Tensor const& out) override {
    reader_->read(shifted(frames), box, out);
  }
  at::Tensor read_constants(int64_t trajectory, Box const& box) override {
    return reader_->read_constants(shifted({.trajectory = trajectory}).trajectory, box);
  }
  at::Tensor read_scalars(FrameRange const& frames) override {
    return reader_->read_scalars(shifted(frames));
  }
  int64_t bytes_read() const override { return reader_->bytes_read(); }

 private:
  FrameRange shifted(FrameRange frames) const {
    check_frames(spec_, frames, Box{});
    frames.trajectory += first_;
    return frames;
  }
  std::unique_ptr<Reader> reader_;
  int64_t first_;
  DatasetSpec spec_;
};

}  // namespace

void check_frames(DatasetSpec const& spec, FrameRange const& frames, Box const& box) {
  auto const trajectories = static_cast<int64_t>(spec.trajectories.size());
  require(frames.trajectory >= 0 && frames.trajectory < trajectories,
          "trajectory ",
          frames.trajectory,
          " of '",
          spec.name,
          "', which has ",
          trajectories);
  auto const held = spec.trajectories[static_cast<size_t>(frames.trajectory)].frames();
  auto const last = frames.first + (frames.count - 1) * frames.stride;
  require(frames.first >= 0 && frames.count > 0 && frames.stride > 0 && last < held,
          "frames ",
          frames.first,
          " to ",
          last,
          " of trajectory ",
          frames.trajectory,
          " of '",
          spec.name,
          "', which has ",
          held);
  for (size_t a = 0; a < 3; ++a) {
    require(
        box.first[a] >= 0 && box.size[a] > 0 && box.first[a] + box.size[a] <= spec.grid.shape()[a],
        "cells ",
        box.first[a],
        " to ",
        box.first[a] + box.size[a],
        " of axis ",
        "DHW"[a],
        " of '",
        spec.name,
        "', which has ",
        spec.grid.shape()[a]);
  }
}

std::unique_ptr<Reader> keep_trajectories(std::unique_ptr<Reader> reader,
                                          int64_t first,
                                          int64_t end) {
  return std::make_unique<TrajectorySlice>(std::move(reader), first, end);
}

}  // namespace eddyline
