#include "data/formats/rollout_reader.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/hdf5/file.hpp"
#include "data/sinks/constants_file.hpp"
#include "data/sinks/master_file.hpp"
#include "data/sinks/scene.hpp"

namespace eddyline {
namespace {

/// The folder of the rollout that a path names.
std::filesystem::path folder_of(std::filesystem::path const& path) {
  return std::filesystem::is_directory(path) ? path : path.parent_path();
}

class RolloutReader final : public Reader {
 public:
  explicit RolloutReader(std::filesystem::path const& path)
      : folder_(path),
        description_(folder_.description()),
        scene_(description_.fields, description_.grid) {
    spec_.name = description_.name;
    spec_.format = "rollout";
    spec_.fields = description_.fields;
    spec_.grid = description_.grid;
    spec_.constants = description_.constants;
    spec_.scalars = description_.scalars;
    spec_.time_unit = description_.time_unit;
    spec_.time_origin = description_.time_origin;
    spec_.calendar = description_.calendar;
    spec_.files = {folder_.master().string()};
    if (!spec_.constants.empty()) {
      spec_.files.push_back(folder_.constants().string());
    }
    spec_.remarks = {"made by " + description_.made_by};
    for (size_t i = 0; i < description_.trajectories.size(); ++i) {
      frames_.push_back(folder_.frames(static_cast<int64_t>(i)));
      TrajectorySpec trajectory{.source = concat(folder_.path().string(), ", trajectory ", i),
                                .parameters = description_.trajectories[i].parameters};
      for (auto const& frame : frames_.back()) {
        trajectory.times.push_back(frame.time);
        auto const file = (folder_.path() / frame.file).string();
        if (spec_.files.back() != file) {
          spec_.files.push_back(file);
        }
      }
      spec_.trajectories.push_back(std::move(trajectory));
    }
    require(
        std::any_of(frames_.begin(), frames_.end(), [](auto const& one) { return !one.empty(); }),
        "the rollout in '",
        folder_.path().string(),
        "' has no frame yet: its first segment is not closed; let it run on, or start it again "
        "with 'eddyline rollout --resume'");
  }

  DatasetSpec const& spec() const override { return spec_; }

  void read(FrameRange const& frames, Box const& box, at::Tensor const& out) override {
    auto const& all = frames_[static_cast<size_t>(frames.trajectory)];
    for (int64_t i = 0; i < frames.count; ++i) {
      auto const at = static_cast<size_t>(frames.first + i * frames.stride);
      require(at < all.size(),
              "frame ",
              at,
              " of ",
              spec_.trajectories[static_cast<size_t>(frames.trajectory)].source,
              " does not exist; it has ",
              all.size());
      read_frame(all[at], box, out.select(0, i));
    }
  }

  at::Tensor read_constants(int64_t trajectory, Box const& box) override {
    return spec_.constants.empty() ? at::Tensor()
                                   : eddyline::read_constants(folder_, trajectory, box);
  }

  at::Tensor read_scalars(FrameRange const& frames) override {
    if (spec_.scalars.empty()) {
      return {};
    }
    std::vector<float> values;
    for (auto const& name : spec_.scalars) {
      auto const& parameters =
          spec_.trajectories[static_cast<size_t>(frames.trajectory)].parameters;
      auto const found = parameters.find(name);
      require(found != parameters.end(),
              "the rollout in '",
              folder_.path().string(),
              "' gives scalar '",
              name,
              "' no value; write it again");
      values.push_back(static_cast<float>(found->second));
    }
    return at::tensor(values).expand({frames.count, -1});
  }

  int64_t bytes_read() const override { return bytes_; }

 private:
  void read_frame(XdmfFrame const& frame, Box const& box, at::Tensor const& out) {
    auto const path = folder_.path() / frame.file;
    if (!open_ || open_path_ != path) {
      open_ = Hdf5File::open(path);
      open_path_ = path;
    }
    auto const group = open_->open_group(step_group(frame.step).substr(1));
    auto const part = scene_.box_in_scene(box);
    for (auto const& field : scene_.fields()) {
      Hyperslab slab{
          {part.first.begin(), part.first.end()}, {part.size.begin(), part.size.end()}, {}};
      if (field.is_vector()) {
        slab.first.push_back(0);
        slab.count.push_back(3);
      }
      auto const array = at::empty(slab.count, frame.type);
      bytes_ += group.open_data_set(field.name).read(slab, array);
      scene_.from_scene(array, field, out);
    }
  }

  RolloutFolder folder_;
  RolloutDescription description_;
  Scene scene_;
  DatasetSpec spec_;
  std::vector<std::vector<XdmfFrame>> frames_;
  std::optional<Hdf5File> open_;
  std::filesystem::path open_path_;
  int64_t bytes_ = 0;
};

}  // namespace

bool is_rollout(std::filesystem::path const& path) {
  std::error_code missing;
  auto const is_folder = std::filesystem::is_directory(path, missing);
  return (is_folder || path.filename() == "rollout.h5" || path.extension() == ".xdmf") &&
         is_master(folder_of(path) / "rollout.h5");
}

std::unique_ptr<Reader> open_rollout(OpenRequest const& request) {
  return std::make_unique<RolloutReader>(folder_of(request.path));
}

}  // namespace eddyline
