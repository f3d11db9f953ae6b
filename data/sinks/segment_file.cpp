#include "data/sinks/segment_file.hpp"

#include <ATen/ATen.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/hdf5/file.hpp"
#include "data/hdf5/library.hpp"
#include "data/sinks/xdmf.hpp"

namespace eddyline {
namespace {

constexpr int64_t kFieldAxes = 5;  // (B, C, D, H, W)

/// Where the three axes of cells begin in an array, and what of them a rank holds.
struct Place {
  size_t axis;
  std::array<int64_t, 3> first, global;
};

/// Puts arrays into a file: all of them, or this rank's part of those on cells.
class SegmentWriter {
 public:
  /// \param ranks  that write together; null: one alone
  explicit SegmentWriter(Communicator const* ranks) : ranks_(ranks) {}

  /// What all ranks hold alike: the first writes it.
  void put(Hdf5Group const& group, std::string const& name, at::Tensor const& values) const {
    auto const shape = values.sizes().vec();
    auto const axes = shape.size();
    // A single number has no empty part: all write it, alike.
    auto const writes = ranks_ == nullptr || ranks_->is_root() || axes == 0;
    write(group,
          name,
          shape,
          {.first = std::vector<int64_t>(axes, 0),
           .count = writes ? shape : std::vector<int64_t>(axes, 0),
           .stride = {}},
          writes ? values : at::empty({0}, values.options()));
  }

  void put_cells(Hdf5Group const& group,
                 std::string const& name,
                 at::Tensor const& values,
                 Place const& place) const {
    auto shape = values.sizes().vec();
    std::vector<int64_t> first(shape.size(), 0);
    for (size_t a = 0; ranks_ != nullptr && a < 3; ++a) {
      shape[place.axis + a] = place.global[a];
      first[place.axis + a] = place.first[a];
    }
    write(group, name, shape, {std::move(first), values.sizes().vec(), {}}, values);
  }

 private:
  void write(Hdf5Group const& group,
             std::string const& name,
             std::vector<int64_t> const& shape,
             Hyperslab const& part,
             at::Tensor const& values) const {
    auto const host = values.to(at::kCPU).contiguous();
    auto const act = [&] {
      group.create_data_set(name, {.shape = shape, .type = host.scalar_type()})
          .write(part, host, ranks_ == nullptr ? Transfer::independent : Transfer::collective);
    };
    ranks_ == nullptr ? act() : ranks_->collectively(act);
  }

  Communicator const* ranks_;
};

/// What of a segment is written where.
struct Contents {
  Scene const& scene;
  Segment const& segment;
  Block block;
};

void put_restart(Hdf5Group const& root, SegmentWriter const& writer, Contents const& contents) {
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

void put_segment(Hdf5Group const& root, SegmentWriter const& writer, Contents const& contents) {
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

void write_segment(std::filesystem::path const& path, Scene const& scene, Segment const& segment) {
  AtomicFile whole(path);
  {
    auto file = Hdf5File::create_in_memory(whole.temporary().string(), bytes_of(segment));
    put_segment(file, SegmentWriter(nullptr), {scene, segment, {}});
    file.save(whole.temporary());
  }
  whole.commit();
}

void write_segment_together(std::filesystem::path const& path,
                            Scene const& scene,
                            Segment const& segment,
                            Block const& block,
                            Communicator const& ranks) {
  std::unique_ptr<AtomicFile> whole;
  ranks.together([&] {
    if (ranks.is_root()) {
      whole = std::make_unique<AtomicFile>(path);
    }
  });
  auto file = std::make_unique<Hdf5File>(Hdf5File::create(AtomicFile::temporary_name(path), ranks));
  try {
    put_segment(*file, SegmentWriter(&ranks), {scene, segment, block});
    ranks.collectively([&] { file->close(); });
  } catch (...) {
    // Closing is collective, and HDF5 cannot close what it failed to write.
    note_hdf5_damage();
    static_cast<void>(file.release());
    throw;
  }
  file.reset();
  ranks.together([&] {
    if (whole) {
      whole->commit();
    }
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
