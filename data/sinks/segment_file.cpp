#include "data/sinks/segment_file.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/hdf5/file.hpp"
#include "data/sinks/block_file.hpp"
#include "data/sinks/xdmf.hpp"

namespace eddyline {
namespace {

constexpr int64_t kFieldAxes = 5;  // (B, C, D, H, W)

/// What of a segment is written where.
struct Contents {
  Scene const& scene;
  Segment const& segment;
  Block block;
};

void put_restart(Hdf5Group const& root, BlockWriter const& writer, Contents const& contents) {
  auto const& restart = contents.segment.restart;
  auto const group = root.create_group("restart");
  group.write_integer("step", restart.step);
  auto const put = [&](std::string const& name, at::Tensor const& values) {
    if (is_field(values)) {
      writer.put_cells(group,
                       name,
                       values[0],
                       {.axis = static_cast<size_t>(values.dim() - 4),
                        .first = restart.block.box.first,
                        .global = restart.block.global});
    } else {
      writer.put(group, name, values[0]);
    }
  };
  put("window", restart.window);
  writer.put(group, "times", at::tensor(restart.times, at::kDouble));
  int64_t number = 0;
  for (auto const& [name, tensor] : restart.memory) {
    auto const own = "memory-" + std::to_string(number++);
    put(own, tensor);
    group.open_data_set(own).write_text("name", name);
  }
}

void put_segment(Hdf5Group const& root, BlockWriter const& writer, Contents const& contents) {
  auto const in_scene = contents.scene.box_in_scene(contents.block.box);
  std::vector<double> times;
  std::vector<int64_t> steps;
  for (auto const& frame : contents.segment.frames) {
    auto const group = root.create_group(step_group(frame.step).substr(1));
    for (auto const& field : contents.scene.fields()) {
      writer.put_cells(group,
                       field.name,
                       contents.scene.to_scene(frame.values, field),
                       {.axis = 0, .first = in_scene.first, .global = contents.scene.shape()});
    }
    times.push_back(frame.time);
    steps.push_back(frame.step);
  }
  writer.put(root, "times", at::tensor(times, at::kDouble));
  writer.put(root, "steps", at::tensor(steps, at::kLong));
  put_restart(root, writer, contents);
}

int64_t bytes_of(Segment const& segment) {
  auto bytes = static_cast<int64_t>(segment.restart.window.nbytes());
  for (auto const& frame : segment.frames) {
    bytes += static_cast<int64_t>(frame.values.nbytes());
  }
  for (auto const& item : segment.restart.memory) {
    bytes += static_cast<int64_t>(item.second.nbytes());
  }
  return bytes;
}

/// (1, …): all of a data set, or the block's part of a field.
at::Tensor read_part(Hdf5Group const& group, std::string const& name, Block const* block) {
  auto const data = group.open_data_set(name);
  auto shape = data.shape();
  if (block == nullptr || static_cast<int64_t>(shape.size()) < kFieldAxes - 1) {
    return data.read_all(type_of(data)).unsqueeze(0);
  }
  std::vector<int64_t> first(shape.size(), 0);
  for (size_t a = 0; a < 3; ++a) {
    auto const axis = shape.size() - 3 + a;
    require(shape[axis] == block->global[a],
            "'",
            name,
            "' has ",
            shape[axis],
            " cells on axis ",
            "DHW"[a],
            " where ",
            block->global[a],
            " are expected; begin anew with --overwrite");
    shape[axis] = block->box.size[a];
    first[axis] = block->box.first[a];
  }
  auto values = at::empty(shape, at::TensorOptions(type_of(data)));
  data.read({std::move(first), shape, {}}, values);
  return values.unsqueeze(0);
}

}  // namespace

at::ScalarType type_of(Hdf5DataSet const& data) {
  auto const name = data.type_name();
  return name == "float64"   ? at::kDouble
         : name == "int64"   ? at::kLong
         : name == "boolean" ? at::kBool
                             : at::kFloat;
}

bool is_field(at::Tensor const& memory) {
  return memory.dim() >= kFieldAxes;
}

void write_segment(std::filesystem::path const& path,
                   Scene const& scene,
                   Segment const& segment,
                   Block const& block,
                   Communicator const* ranks) {
  write_block_file(
      path, ranks, bytes_of(segment), [&](Hdf5Group const& root, BlockWriter const& writer) {
        put_segment(root, writer, {scene, segment, block});
      });
}

Restart read_restart(std::filesystem::path const& path, Block const* block) {
  return with_context(
      [&] {
        auto const file = Hdf5File::open(path);
        auto const group = file.open_group("restart");
        Restart restart{.step = group.read_integer("step")};
        restart.window = read_part(group, "window", block);
        restart.times = group.open_data_set("times").read_numbers();
        for (auto const& name : group.data_sets()) {
          if (name.starts_with("memory-")) {
            restart.memory[group.open_data_set(name).read_text("name")] =
                read_part(group, name, block);
          }
        }
        return restart;
      },
      "reading where the rollout goes on from in '",
      path.string(),
      "'");
}

}  // namespace eddyline
