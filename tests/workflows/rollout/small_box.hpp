// A small box of data in three dimensions, and networks for it that work on blocks.
#pragma once

#include <gtest/gtest.h>

#include "core/process_group.hpp"
#include "tests/workflows/rollout/small_model.hpp"

namespace eddyline::testing_rollout {

inline constexpr char const* kFno =
    "{modes: [2, 3, 3], width: 6, layers: 2, projection: 8, history: 2}";
inline constexpr char const* kMorph =
    "{filters: 8, dim: 16, heads: 2, depth: 1, mlp_dim: 16, heads_xa: 4, patch: [4, 4, 4], "
    "history: 2, max_patches: 64}";

struct Box3d {
  std::array<int64_t, 3> cells = {8, 8, 12};  // 3 patches of 4 on W: uneven on two ranks
  int64_t trajectories = 3;
  int64_t frames = 24;
  int64_t history = 2;     ///< frames that the network takes
  int64_t gap = -1;        ///< frame whose last cell is missing
  bool is_scalar = false;  ///< u alone, which lacks values where the constant field does

  /// Bytes of a field of one frame or, where each cell is a token, of its tokens.
  int64_t field(int64_t token = 1) const {
    return cells[0] * cells[1] * cells[2] * token * static_cast<int64_t>(sizeof(float));
  }
};

/// One field with gaps on 128 × 128 cells, and a network that makes few numbers a cell of it: its
/// patches are large.
inline Box3d const kFieldWithGaps{
    .cells = {1, 128, 128}, .trajectories = 2, .frames = 3, .history = 1, .is_scalar = true};
inline constexpr char const* kClimaxOfFewNumbers =
    "{variables: [], dim: 8, heads: 1, depth: 1, decoder_depth: 0, mlp_ratio: 1, patch: [1, 16, "
    "16]}";

/// Since the traffic of this process was forgotten, ranks that share samples sent no `field` bytes
/// in one call. Halos are left out: split_test.cpp bounds them on grids of which a layer of cells
/// with all filters is a small part.
inline void expect_no_message_as_large_as(int64_t field) {
  auto const kinds = traffic_of_process();
  EXPECT_FALSE(kinds.empty());
  for (auto const& [kind, count] : kinds) {
    EXPECT_TRUE(kind == "halo" || count.largest < field)
        << kind << ": " << count.largest << " of " << field;
  }
}

inline Axis axis_of(char const* name, int64_t size, double step) {
  Axis axis{.name = name, .boundaries = {Boundary::periodic, Boundary::periodic}};
  axis.coordinates.clear();
  for (int64_t i = 0; i < size; ++i) {
    axis.coordinates.push_back(step * static_cast<double>(i));
  }
  return axis;
}

/// Moving waves of a scalar u and a vector v (the axis y descends, so that the scene turns it
/// around), and a constant field with a gap. One rank writes.
inline std::filesystem::path write_box(std::filesystem::path const& folder, Box3d const& box) {
  auto const [d, h, w] = box.cells;
  RolloutDescription description{
      .name = "box", .made_by = "test", .time_unit = "s", .scalars = {"speed"}};
  std::vector<Field> fields = {{.name = "u", .units = "K"}};
  if (!box.is_scalar) {
    fields.push_back({.name = "v", .components = {"x", "y", "z"}, .units = "m/s", .order = 1});
  }
  description.fields = FieldSet(fields);
  auto const channels = description.fields.channels();
  description.constants = FieldSet({Field{.name = "depth"}});
  description.grid = Grid({axis_of("x", d, 0.5), axis_of("y", h, -1), axis_of("z", w, 0.25)});
  auto const along = [](int64_t n, std::vector<int64_t> const& shape) {
    return at::arange(n, at::kFloat).view(shape) * (6.2832 / static_cast<double>(n));
  };
  auto const x = along(d, {1, d, 1, 1}), y = along(h, {1, 1, h, 1}), z = along(w, {1, 1, 1, w});
  auto const c = at::arange(channels, at::kFloat).view({-1, 1, 1, 1});
  for (int64_t b = 0; b < box.trajectories; ++b) {
    auto depth =
        (at::sin(x) + at::cos(y + z) + static_cast<double>(b)).expand({1, d, h, w}).clone();
    depth.slice(1, 0, (d + 1) / 2).slice(3, 0, 3).fill_(std::nan(""));
    description.trajectories.push_back({"box", {{"speed", 0.5 * static_cast<double>(b)}}, depth});
  }
  RolloutFolder const files(folder);
  files.describe(description);
  RolloutSink sink(files, description, {0, box.trajectories});
  for (int64_t t = 0; t < box.frames; ++t) {
    std::vector<at::Tensor> values;
    for (int64_t b = 0; b < box.trajectories; ++b) {
      values.push_back(at::sin(x + 0.2 * static_cast<double>(t) + c) +
                       at::cos(y - 0.1 * static_cast<double>(t)) * at::sin(z * (1 + b) + c));
      if (t == box.gap) {
        values.back()[0][-1][-1][-1] = std::nan("");
      }
      if (box.is_scalar) {
        values.back().masked_fill_(description.trajectories.back().constants.isnan(), std::nan(""));
      }
    }
    sink.write(t, {at::stack(values), 0.5 * static_cast<double>(t), nullptr});
  }
  sink.close_segment(
      {box.frames - 1, at::zeros({box.trajectories, 1, channels, d, h, w}), {0.0}, {}});
  return folder;
}

/// A folder of the running test, the same on all ranks, with the box in it and the checkpoint
/// run/checkpoints/best.h5 of a network (name and YAML).
inline std::filesystem::path prepare_box(std::string const& what,
                                         std::array<std::string, 2> const& network,
                                         Box3d const& box = {}) {
  auto const world = Communicator::world();
  auto const folder =
      std::filesystem::temp_directory_path() / ("eddyline_split_" + what) /
      concat(testing::UnitTest::GetInstance()->current_test_info()->name(), ".np", world.size());
  world.together([&] {
    if (world.is_root()) {
      std::filesystem::remove_all(folder);
      std::filesystem::create_directories(folder);
      DataConfig config;
      config.history = box.history;
      config.path = write_box(folder / "data", box).string();
      Dataset const set(config, Split::all, window_shape(config), {1, 1, 1}, Communicator::self());
      store_model_of(folder / "run", set, config, network);
    }
  });
  return folder;
}

}  // namespace eddyline::testing_rollout
