#pragma once

#include <filesystem>

#include <ATen/ATen.h>

#include "core/communicator.hpp"
#include "data/sinks/rollout_sink.hpp"

namespace eddyline::testing_sinks {

/// A folder of its own for one test, the same on all ranks, empty at its start.
inline std::filesystem::path fresh_folder(std::string const& name) {
  auto const world = Communicator::world();
  auto const path = std::filesystem::temp_directory_path() / "eddyline_sinks_test" /
                    (name + ".np" + std::to_string(world.size()));
  world.barrier();
  if (world.is_root()) {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path.parent_path());
  }
  world.barrier();
  return path;
}

/// x 4 (ascending), y 6 (descending, stretched), a scalar and a vector; `count` trajectories.
inline RolloutDescription description_of(int64_t count) {
  RolloutDescription description{.name = "case <1> & \"2\"", .made_by = "tiny", .time_unit = "s"};
  Axis const x{.name = "x",
               .coordinates = {0, 1, 2, 3},
               .units = "m",
               .boundaries = {Boundary::periodic, Boundary::periodic}};
  Axis const y{.name = "y",
               .coordinates = {7, 5, 4, 3, 2, 0.1},
               .boundaries = {Boundary::wall, Boundary::open},
               .edges = {8, 6, 4.5, 3.5, 2.5, 1, 0}};
  description.grid = Grid({x, y});
  description.fields =
      FieldSet({Field{.name = "v", .components = {"x", "y"}, .units = "m/s", .order = 1},
                Field{.name = "u", .units = "K"}});
  for (int64_t i = 0; i < count; ++i) {
    description.trajectories.push_back({"sample " + std::to_string(i),
                                        {{"nu", 0.1 * static_cast<double>(i)}, {"gamma", 1.4}},
                                        at::full({1, 1, 4, 6}, i == 2 ? 2 : 1, at::kFloat)});
  }
  description.scalars = {"nu", "gamma"};
  description.constants = FieldSet({Field{.name = "mask"}});
  description.time_origin = "2019-03-01 00:00:00";
  description.calendar = "noleap";
  return description;
}

/// The frame of trajectories [first, first + count) at a step: every value differs, also in its
/// last bit.
inline at::Tensor frame_of(int64_t step, int64_t first, int64_t count) {
  auto const cell = at::arange(3 * 4 * 6, at::kDouble).view({1, 3, 1, 4, 6});
  auto const b = at::arange(first, first + count, at::kDouble).view({count, 1, 1, 1, 1});
  return at::sin(cell * 0.37 + b * 1.7 + static_cast<double>(step) * 0.11).to(at::kFloat);
}

inline Restart restart_of(int64_t step, int64_t first, int64_t count) {
  return {step,
          at::stack({frame_of(step - 1, first, count), frame_of(step, first, count)}, 1),
          {0.5 * static_cast<double>(step - 1), 0.5 * static_cast<double>(step)},
          {{"clock/dt", at::arange(first, first + count, at::kDouble)}}};
}

/// Writes steps [from, to] of a share in segments of three frames.
inline void write_steps(RolloutSink& sink, TrajectoryShare const& share, int64_t from, int64_t to) {
  for (auto step = from; step <= to; ++step) {
    sink.write(step,
               {frame_of(step, share[0], share.count()), 0.5 * static_cast<double>(step), nullptr});
    if (step % 3 == 2 || step == to) {
      sink.close_segment(restart_of(step, share[0], share.count()));
    }
  }
}

/// The share of this rank.
inline TrajectoryShare share_of(Communicator const& ranks, int64_t count) {
  auto const first = count * ranks.rank() / ranks.size();
  return {first, count * (ranks.rank() + 1) / ranks.size() - first};
}

/// A rollout of four trajectories and steps 0 … 7, written by all ranks.
inline RolloutFolder write_rollout(std::filesystem::path const& path) {
  auto const world = Communicator::world();
  RolloutFolder const folder(path);
  auto const description = description_of(4);
  if (world.is_root()) {
    folder.describe(description);
  }
  world.barrier();
  auto const share = share_of(world, 4);
  RolloutSink sink(folder, description, share);
  write_steps(sink, share, 0, 7);
  world.barrier();
  if (world.is_root()) {
    folder.link_frames();
  }
  world.barrier();
  return folder;
}

}  // namespace eddyline::testing_sinks
