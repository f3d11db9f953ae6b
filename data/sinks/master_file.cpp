#include "data/sinks/master_file.hpp"

#include <algorithm>
#include <mutex>

#include <ATen/ATen.h>
#include <hdf5.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/hdf5/file.hpp"
#include "data/hdf5/library.hpp"
#include "data/sinks/scene.hpp"

namespace eddyline {
namespace {

constexpr char const* kFormat = "eddyline rollout";
constexpr int64_t kVersion = 3;

at::Tensor doubles(std::vector<double> const& values) {
  return at::tensor(values, at::kDouble);
}

/// Steps that every trajectory has, with the frames of each trajectory at those steps.
std::vector<std::vector<XdmfFrame>> common_frames(RolloutFolder const& folder,
                                                  size_t trajectories) {
  std::vector<std::vector<XdmfFrame>> frames;
  size_t shortest = 0;
  for (size_t b = 0; b < trajectories; ++b) {
    frames.push_back(folder.frames(static_cast<int64_t>(b)));
    shortest = b == 0 ? frames[b].size() : std::min(shortest, frames[b].size());
  }
  for (auto& of_one : frames) {
    of_one.resize(shortest);
  }
  return frames;
}

/// A virtual data set over one field of all frames, (T, …) or (B, T, …).
void link_field(hid_t group,
                SceneField const& field,
                std::array<int64_t, 3> const& shape,
                std::vector<std::vector<XdmfFrame>> const& frames) {
  std::vector<hsize_t> cells(shape.begin(), shape.end());
  if (field.is_vector()) {
    cells.push_back(3);
  }
  std::vector<hsize_t> all;
  if (frames.size() > 1) {
    all.push_back(frames.size());
  }
  all.push_back(frames.front().size());
  all.insert(all.end(), cells.begin(), cells.end());
  Hdf5Handle const whole(H5Screate_simple(static_cast<int>(all.size()), all.data(), nullptr));
  Hdf5Handle const one(H5Screate_simple(static_cast<int>(cells.size()), cells.data(), nullptr));
  Hdf5Handle const properties(H5Pcreate(H5P_DATASET_CREATE));
  std::vector<hsize_t> first(all.size(), 0);
  auto count = all;
  std::fill(count.begin(), count.end() - static_cast<std::ptrdiff_t>(cells.size()), 1);
  for (size_t b = 0; b < frames.size(); ++b) {
    for (size_t t = 0; t < frames[b].size(); ++t) {
      first[0] = frames.size() > 1 ? b : t;
      if (frames.size() > 1) {
        first[1] = t;
      }
      H5Sselect_hyperslab(whole.id(), H5S_SELECT_SET, first.data(), nullptr, count.data(), nullptr);
      auto const source = step_group(frames[b][t].step) + "/" + field.name;
      auto const status = H5Pset_virtual(
          properties.id(), whole.id(), frames[b][t].file.c_str(), source.c_str(), one.id());
      expect_machine(status >= 0, "HDF5 cannot link '", source, "': ", take_hdf5_errors());
    }
  }
  bool const is_double = std::any_of(frames.begin(), frames.end(), [](auto const& of_one) {
    return std::ranges::any_of(of_one, [](auto const& frame) { return frame.type == at::kDouble; });
  });
  H5Sselect_all(whole.id());
  Hdf5Handle const data(H5Dcreate2(group,
                                   field.name.c_str(),
                                   is_double ? H5T_IEEE_F64LE : H5T_IEEE_F32LE,
                                   whole.id(),
                                   H5P_DEFAULT,
                                   properties.id(),
                                   H5P_DEFAULT));
  expect_machine(
      data.is_open(), "HDF5 cannot make the view of '", field.name, "': ", take_hdf5_errors());
}

void link_all(Hdf5Group const& root,
              RolloutFolder const& folder,
              RolloutDescription const& description,
              Scene const& scene) {
  auto const frames = common_frames(folder, description.trajectories.size());
  if (frames.empty() || frames.front().empty()) {
    return;
  }
  std::vector<double> times, steps;
  for (auto const& frame : frames.front()) {
    times.push_back(frame.time);
    steps.push_back(static_cast<double>(frame.step));
  }
  root.write_tensor("times", doubles(times));
  root.write_tensor("steps", doubles(steps).to(at::kLong));
  auto const group = root.create_group("fields");
  std::lock_guard const lock(hdf5_lock());
  for (auto const& field : scene.fields()) {
    link_field(group.id(), field, scene.shape(), frames);
  }
}

/// The group "constants" is the file of constants.
void link_constants(Hdf5Group const& root, RolloutFolder const& folder) {
  std::lock_guard const lock(hdf5_lock());
  auto const file = folder.constants().filename().string();
  auto const status =
      H5Lcreate_external(file.c_str(), "/", root.id(), "constants", H5P_DEFAULT, H5P_DEFAULT);
  expect_machine(status >= 0, "HDF5 cannot link '", file, "': ", take_hdf5_errors());
}

}  // namespace

void write_master(RolloutFolder const& folder,
                  RolloutDescription const& description,
                  FrameLinks links) {
  Scene const scene(description.fields, description.grid);
  AtomicFile whole(folder.master());
  {
    auto file = Hdf5File::create_in_memory(whole.temporary().string());
    file.write_text("format", kFormat);
    file.write_integer("version", kVersion);
    file.write_text("axes", "z, y, x");
    file.write_text("time_unit", description.time_unit);
    {
      auto const text = to_json(description).dump();
      auto const bytes = at::empty({static_cast<int64_t>(text.size())}, at::kByte);
      std::copy(text.begin(), text.end(), bytes.data_ptr<uint8_t>());
      file.write_tensor("description", bytes);
      auto const grid = file.create_group("grid");
      for (int slot = 0; slot < 3; ++slot) {
        grid.write_tensor(std::string(1, "zyx"[slot]), doubles(scene.coordinates(slot)));
      }
      if (!description.constants.empty()) {
        link_constants(file, folder);
      }
      if (links == FrameLinks::all) {
        link_all(file, folder, description, scene);
      }
    }
    file.save(whole.temporary());
  }
  whole.commit();
}

bool is_master(std::filesystem::path const& path) {
  if (!is_hdf5_file(path)) {
    return false;
  }
  try {
    auto const file = Hdf5File::open(path);
    return file.has_attribute("format") && file.read_text("format") == kFormat;
  } catch (Exception const&) {
    return false;  // whatever it is, it is not ours
  }
}

RolloutDescription read_master(std::filesystem::path const& path) {
  auto const file = Hdf5File::open(path);
  require(file.has_attribute("format") && file.read_text("format") == kFormat,
          "'",
          path.string(),
          "' is not the rollout.h5 of a rollout; 'eddyline inspect' says what it is");
  auto const version = file.read_integer("version");
  require(version == kVersion,
          "'",
          path.string(),
          "' has version ",
          version,
          ", this program reads version ",
          kVersion);
  auto const bytes = file.open_data_set("description").read_all(at::kByte);
  std::string const text(bytes.data_ptr<uint8_t>(), bytes.data_ptr<uint8_t>() + bytes.numel());
  auto const json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  require(!json.is_discarded(),
          "the description in '",
          path.string(),
          "' is damaged; write the rollout again");
  return rollout_description_from_json(json);
}

}  // namespace eddyline
