#pragma once

#include <ATen/ATen.h>

#include "data/formats/reader.hpp"
#include "data/pipeline/dataset.hpp"
#include "tests/message_of.hpp"

namespace eddyline {

/// A data set in memory for tests: (T, C, D, H, W) a trajectory, all of one grid.
class MemoryReader final : public Reader {
 public:
  MemoryReader(FieldSet fields, Grid grid, std::vector<at::Tensor> series)
      : series_(std::move(series)) {
    spec_.name = "memory";
    spec_.format = "memory";
    spec_.fields = std::move(fields);
    spec_.grid = std::move(grid);
    spec_.time_unit = "h";
    for (size_t i = 0; i < series_.size(); ++i) {
      TrajectorySpec one{.source = "series " + std::to_string(i),
                         .parameters = {{"nu", 0.5 + static_cast<double>(i)}}};
      for (int64_t t = 0; t < series_[i].size(0); ++t) {
        one.times.push_back(2.0 * static_cast<double>(t));
      }
      spec_.trajectories.push_back(std::move(one));
    }
  }

  /// Constant fields (Cc, D, H, W), the same for all trajectories.
  void set_constants(FieldSet fields, at::Tensor values) {
    spec_.constants = std::move(fields);
    constants_ = std::move(values);
  }
  DatasetSpec& editable() { return spec_; }

  DatasetSpec const& spec() const override { return spec_; }
  void read(FrameRange const& frames, Box const& box, at::Tensor const& out) override {
    auto const last = frames.first + (frames.count - 1) * frames.stride;
    auto const all = series_[static_cast<size_t>(frames.trajectory)].slice(
        0, frames.first, last + 1, frames.stride);
    out.copy_(in_box(all, box));
    bytes_ += static_cast<int64_t>(out.nbytes());
    frames_ += frames.count;
  }
  at::Tensor read_constants(int64_t, Box const& box) override {
    return constants_.defined() ? in_box(constants_, box).contiguous() : at::Tensor();
  }
  at::Tensor read_scalars(FrameRange const&) override { return {}; }
  int64_t bytes_read() const override { return bytes_; }
  int64_t frames_read() const { return frames_; }

 private:
  static at::Tensor in_box(at::Tensor values, Box const& box) {
    for (size_t a = 0; a < 3; ++a) {
      values = values.narrow(values.dim() - 3 + static_cast<int64_t>(a), box.first[a], box.size[a]);
    }
    return values;
  }

  DatasetSpec spec_;
  std::vector<at::Tensor> series_;
  at::Tensor constants_;
  int64_t bytes_ = 0;
  int64_t frames_ = 0;
};

/// density and velocity (x, y).
inline FieldSet some_fields() {
  return FieldSet({{.name = "density", .units = "kg m-3"},
                   {.name = "velocity", .components = {"x", "y"}, .units = "m s-1", .order = 1}});
}

/// x periodic, y with walls.
inline Grid some_grid(int64_t nx = 8, int64_t ny = 6) {
  Axis x{.name = "x", .coordinates = {}, .boundaries = {Boundary::periodic, Boundary::periodic}};
  Axis y{.name = "y", .coordinates = {}, .boundaries = {Boundary::wall, Boundary::wall}};
  for (int64_t i = 0; i < nx; ++i) {
    x.coordinates.push_back(0.5 * static_cast<double>(i));
  }
  for (int64_t i = 0; i < ny; ++i) {
    y.coordinates.push_back(static_cast<double>(i));
  }
  return Grid({x, y});
}

/// Values that name their place: 1000 series + 10 frame + channel + 0.1 x + 0.01 y.
inline at::Tensor coded_series(int64_t series, int64_t frames, int64_t nx = 8, int64_t ny = 6) {
  auto const t = at::arange(frames, at::kFloat).view({-1, 1, 1, 1, 1});
  auto const c = at::arange(3, at::kFloat).view({1, -1, 1, 1, 1});
  auto const x = at::arange(nx, at::kFloat).view({1, 1, 1, -1, 1});
  auto const y = at::arange(ny, at::kFloat).view({1, 1, 1, 1, -1});
  return (1000 * series + 10 * t + c + 0.1 * x + 0.01 * y).contiguous();
}

inline std::unique_ptr<MemoryReader> coded_reader(std::vector<int64_t> const& frames,
                                                  int64_t nx = 8,
                                                  int64_t ny = 6) {
  std::vector<at::Tensor> series;
  for (size_t i = 0; i < frames.size(); ++i) {
    series.push_back(coded_series(static_cast<int64_t>(i), frames[i], nx, ny));
  }
  return std::make_unique<MemoryReader>(some_fields(), some_grid(nx, ny), std::move(series));
}

/// Values (…, C, D, H, W) of a sample that is mirrored along those axes.
inline at::Tensor mirrored(at::Tensor const& values,
                           FieldSet const& fields,
                           Grid const& grid,
                           Flips const& flips) {
  auto turned = values;
  for (int64_t a = 0; a < 3; ++a) {
    turned = flips[static_cast<size_t>(a)] ? turned.flip({values.dim() - 3 + a}) : turned;
  }
  return turned * mirror_signs(fields, grid, flips);
}

/// No cache, so that bytes are counted each time.
inline DataConfig plain_config() {
  DataConfig config;
  config.cache = 0;
  return config;
}

constexpr std::array<int64_t, 3> kAnyPatch = {1, 1, 1};

}  // namespace eddyline
