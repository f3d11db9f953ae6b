#include "data/formats/stored_reader.hpp"

#include <mutex>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/hdf5/library.hpp"

namespace eddyline {
namespace {

constexpr size_t kOpenFiles = 8;

/// Keeps the fields that were asked for.
void choose_fields(StoredPlan& plan, std::vector<std::string> const& names) {
  if (names.empty()) {
    return;
  }
  auto const chosen = plan.spec.fields.select(names);
  std::vector<std::vector<StoredArray>> arrays;
  for (auto const& name : names) {
    auto const& all = plan.spec.fields.fields();
    auto const at =
        std::find_if(all.begin(), all.end(), [&](Field const& one) { return one.name == name; });
    arrays.push_back(plan.fields[static_cast<size_t>(at - all.begin())]);
  }
  plan.fields = std::move(arrays);
  plan.spec.fields = chosen;
}

/// The arrays of all fields, with the channels that they fill.
std::vector<StoredArray> number_channels(std::vector<std::vector<StoredArray>> const& fields) {
  std::vector<StoredArray> arrays;
  int64_t channel = 0;
  for (auto const& field : fields) {
    for (auto array : field) {
      array.first_channel = channel;
      channel += array.channels();
      arrays.push_back(std::move(array));
    }
  }
  return join_neighbours(arrays);
}

}  // namespace

StoredReader::StoredReader(StoredPlan plan, std::vector<std::string> const& fields)
    : plan_(std::move(plan)) {
  require(
      !plan_.spec.fields.empty(), "'", plan_.spec.name, "' holds no field that changes in time");
  require(!plan_.spec.trajectories.empty(), "'", plan_.spec.name, "' holds no trajectory");
  choose_fields(plan_, fields);
  fields_ = number_channels(plan_.fields);
  constants_ = number_channels(plan_.constants);
  // One trajectory of each file: a wrong shape shows at once, and opening thousands of groups does
  // not.
  for (size_t i = 0; i < plan_.sources.size(); ++i) {
    if (i == 0 || plan_.sources[i].file != plan_.sources[i - 1].file) {
      for (auto const* arrays : {&fields_, &constants_}) {
        for (auto const& array : *arrays) {
          open(array, static_cast<int64_t>(i));
        }
      }
    }
  }
}

Hdf5File const& StoredReader::file(size_t index) {
  auto const found = std::find_if(
      open_.begin(), open_.end(), [&](OpenFile const& one) { return one.index == index; });
  if (found == open_.end()) {
    open_.push_front({index, Hdf5File::open(plan_.spec.files[index])});
    while (open_.size() > kOpenFiles) {
      open_.pop_back();
    }
  } else if (found != open_.begin()) {
    std::rotate(open_.begin(), found, found + 1);
  }
  return open_.front().file;
}

StoredExtent StoredReader::extent(int64_t trajectory) const {
  auto const at = static_cast<size_t>(trajectory);
  return {.samples = plan_.sources[at].samples,
          .frames = plan_.spec.trajectories[at].frames(),
          .grid = plan_.spec.grid.shape()};
}

Hdf5DataSet StoredReader::open(StoredArray const& array, int64_t trajectory) {
  auto const& source = plan_.sources[static_cast<size_t>(trajectory)];
  auto const name = source.group.empty() ? array.data_set : source.group + "/" + array.data_set;
  auto data = file(source.file).open_data_set(name);
  require(data.holds_numbers(),
          data.place().describe(),
          " holds ",
          data.type_name(),
          " where numbers are expected");
  check_shape(array, data, extent(trajectory));
  return data;
}

void StoredReader::check_frames(FrameRange const& frames) const {
  auto const count = static_cast<int64_t>(plan_.sources.size());
  require(frames.trajectory >= 0 && frames.trajectory < count,
          "there is no trajectory ",
          frames.trajectory,
          " in '",
          plan_.spec.name,
          "'; it has ",
          count);
  auto const& trajectory = plan_.spec.trajectories[static_cast<size_t>(frames.trajectory)];
  require(frames.first >= 0 && frames.count >= 1 && frames.stride >= 1 &&
              frames.first + (frames.count - 1) * frames.stride < trajectory.frames(),
          frames.count,
          " frames from ",
          frames.first,
          ", ",
          frames.stride,
          " apart, are not in ",
          trajectory.source,
          ", which has ",
          trajectory.frames());
}

void StoredReader::check_box(Box const& box) const {
  auto const grid = plan_.spec.grid.shape();
  for (size_t a = 0; a < 3; ++a) {
    EDDYLINE_ENSURE(box.first[a] >= 0 && box.size[a] >= 0 && box.first[a] + box.size[a] <= grid[a],
                    "axis ",
                    a,
                    ": ",
                    box.size[a],
                    " cells from ",
                    box.first[a],
                    " of ",
                    grid[a]);
  }
}

void StoredReader::read(FrameRange const& frames, Box const& box, at::Tensor const& out) {
  check_frames(frames);
  check_box(box);
  auto const channels = plan_.spec.fields.channels();
  auto const shape =
      std::vector<int64_t>{frames.count, channels, box.size[0], box.size[1], box.size[2]};
  EDDYLINE_ENSURE(out.sizes().vec() == shape && out.scalar_type() == at::kFloat,
                  "shape ",
                  out.sizes().vec(),
                  ", wanted ",
                  shape);
  std::lock_guard const lock(hdf5_lock());
  auto const sample = plan_.sources[static_cast<size_t>(frames.trajectory)].sample;
  StoredPart const part{.sample = sample,
                        .first = frames.first,
                        .count = frames.count,
                        .stride = frames.stride,
                        .box = box};
  for (auto const& array : fields_) {
    bytes_ += read_stored(array,
                          open(array, frames.trajectory),
                          part,
                          out.narrow(1, array.first_channel, array.channels()));
  }
}

at::Tensor StoredReader::read_constants(int64_t trajectory, Box const& box) {
  check_frames({.trajectory = trajectory});
  check_box(box);
  if (constants_.empty()) {
    return {};
  }
  std::lock_guard const lock(hdf5_lock());
  auto const out =
      at::empty({1, plan_.spec.constants.channels(), box.size[0], box.size[1], box.size[2]},
                at::TensorOptions(at::kFloat));
  StoredPart const part{.sample = plan_.sources[static_cast<size_t>(trajectory)].sample,
                        .box = box};
  for (auto const& array : constants_) {
    bytes_ += read_stored(
        array, open(array, trajectory), part, out.narrow(1, array.first_channel, array.channels()));
  }
  return out.squeeze(0);
}

at::Tensor StoredReader::read_scalars(FrameRange const& frames) {
  check_frames(frames);
  auto const& table = plan_.scalars[static_cast<size_t>(frames.trajectory)];
  if (table.empty()) {
    return {};
  }
  auto out =
      at::empty({frames.count, static_cast<int64_t>(table.size())}, at::TensorOptions(at::kFloat));
  auto values = out.accessor<float, 2>();
  for (int64_t i = 0; i < frames.count; ++i) {
    for (size_t s = 0; s < table.size(); ++s) {
      auto const at =
          table[s].size() == 1 ? 0 : static_cast<size_t>(frames.first + i * frames.stride);
      values[i][static_cast<int64_t>(s)] = static_cast<float>(table[s][at]);
    }
  }
  return out;
}

}  // namespace eddyline
