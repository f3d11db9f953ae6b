#include "data/formats/climax_reader.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>

#include <ATen/ATen.h>

#include "core/config.hpp"
#include "core/error.hpp"
#include "core/nearest.hpp"
#include "data/formats/cf_time.hpp"
#include "data/formats/climax_folder.hpp"
#include "data/formats/npz_file.hpp"
#include "data/formats/trajectory_slice.hpp"
#include "data/formats/weather_variables.hpp"

namespace eddyline {
namespace {

namespace fs = std::filesystem;

constexpr size_t kOpenFiles = 16;
constexpr int64_t kMostUnpacked = int64_t{512} << 20;  // bytes of compressed arrays kept

struct ShardMap {
  double hours = 1;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("hours", hours, "hours between neighbouring records of a shard (ClimaX: hrs_each_step)");
  }
};

ShardMap shard_map_of(OpenRequest const& request) {
  auto const map = parse_config<ShardMap>(request.map.empty() ? "{}" : request.map, "data.map");
  require(std::isfinite(map.hours) && map.hours > 0,
          "data.map.hours is ",
          map.hours,
          "; the time between records must be above 0");
  return map;
}

/// The array that a name means: itself, or what its short code stands for.
std::string array_of(NpzFile const& file, std::string const& wanted) {
  if (file.has(wanted)) {
    return wanted;
  }
  auto const full = long_variable_name(wanted);
  require(file.has(full),
          "'",
          file.path().string(),
          "' has no variable '",
          wanted,
          "'",
          did_you_mean(wanted, file.names()));
  return full;
}

Field field_of(std::string const& name) {
  auto const* known = find_weather_variable(name);
  return {.name = name, .units = known == nullptr ? "" : known->units};
}

class ClimaxReader final : public Reader {
 public:
  explicit ClimaxReader(OpenRequest const& request)
      : shards_(climax_shards(request.path, request.split)) {
    auto const map = shard_map_of(request);
    spec_.name = fs::absolute(request.path / ".").lexically_normal().parent_path().filename();
    spec_.format = "climax";
    spec_.grid = climax_grid(request.path);
    choose_fields(request.fields);
    for (auto& shard : shards_) {
      shard.frames = frames_of(shard.path);
      spec_.files.push_back(shard.path.string());
    }
    set_times(map.hours);
    set_remarks(request.path);
  }

  DatasetSpec const& spec() const override { return spec_; }

  void read(FrameRange const& frames, Box const& box, at::Tensor const& out) override {
    check_frames(spec_, frames, box);
    auto& file = opened(shards_[static_cast<size_t>(frames.trajectory)].path);
    for (size_t c = 0; c < arrays_.size(); ++c) {
      auto& array = checked(file, arrays_[c]);
      for (int64_t i = 0; i < frames.count; ++i) {
        read_plane(array,
                   frames.first + i * frames.stride,
                   box,
                   out.select(0, i).select(0, static_cast<int64_t>(c)));
      }
    }
  }

  at::Tensor read_constants(int64_t trajectory, Box const& box) override {
    check_frames(spec_, {.trajectory = trajectory}, box);
    if (constants_.empty()) {
      return {};
    }
    auto& file = opened(shards_[static_cast<size_t>(trajectory)].path);
    auto const out =
        at::empty({spec_.constants.channels(), box.size[0], box.size[1], box.size[2]}, at::kFloat);
    for (size_t c = 0; c < constants_.size(); ++c) {
      read_plane(checked(file, constants_[c]), 0, box, out.select(0, static_cast<int64_t>(c)));
    }
    return out;
  }

  at::Tensor read_scalars(FrameRange const& /*frames*/) override { return {}; }
  int64_t bytes_read() const override { return bytes_; }

 private:
  void choose_fields(std::vector<std::string> const& wanted) {
    auto const& file = opened(shards_.front().path);
    std::vector<Field> fields;
    std::vector<Field> constants;
    for (auto const& name : wanted) {
      arrays_.push_back(array_of(file, name));
      fields.push_back(field_of(name));
    }
    for (auto const& name : file.names()) {
      bool const is_taken = std::find(arrays_.begin(), arrays_.end(), name) != arrays_.end();
      if (is_constant_of_weather(name) && !is_taken) {
        constants_.push_back(name);
        constants.push_back(field_of(name));
      } else if (wanted.empty()) {
        arrays_.push_back(name);
        fields.push_back(field_of(name));
      }
    }
    require(!fields.empty(),
            "'",
            file.path().string(),
            "' holds constants only (",
            file.names(),
            "); name those that are fields in data.fields");
    spec_.fields = FieldSet(std::move(fields));
    spec_.constants = FieldSet(std::move(constants));
  }

  /// Records of a shard by its first field.
  int64_t frames_of(fs::path const& path) {
    auto& file = opened(path);
    auto const shape = file.header(arrays_.front()).shape;
    check_shape(file, arrays_.front(), shape, shape.empty() ? 0 : shape[0]);
    return shape[0];
  }

  void check_shape(NpzFile const& file,
                   std::string const& name,
                   std::vector<int64_t> const& shape,
                   int64_t frames) const {
    std::vector<int64_t> const expected = {
        frames, 1, spec_.grid.axis(1).size(), spec_.grid.axis(2).size()};
    require(shape == expected && frames > 0,
            "'",
            name,
            "' of '",
            file.path().string(),
            "' has the shape (",
            shape,
            "); (",
            std::max<int64_t>(frames, 1),
            " records, 1, ",
            expected[2],
            " of lat.npy, ",
            expected[3],
            " of lon.npy) is expected");
  }

  NpyArray& checked(NpzFile& file, std::string const& name) {
    limit_memory();
    auto& array = file.array(name);
    auto const found = std::find_if(
        shards_.begin(), shards_.end(), [&](auto const& one) { return one.path == file.path(); });
    check_shape(file, name, array.shape(), found->frames);
    return array;
  }

  void read_plane(NpyArray& array, int64_t frame, Box const& box, at::Tensor const& out) {
    bytes_ += array.read({.first = {frame, 0, box.first[1], box.first[2]},
                          .count = {1, 1, box.size[1], box.size[2]},
                          .stride = {}},
                         out);
  }

  NpzFile& opened(fs::path const& path) {
    auto const found = std::find_if(
        open_.begin(), open_.end(), [&](auto const& file) { return file->path() == path; });
    if (found != open_.end()) {
      return **found;
    }
    if (open_.size() == kOpenFiles) {
      open_.pop_front();
    }
    open_.push_back(std::make_unique<NpzFile>(path));
    return *open_.back();
  }

  /// Forgets unpacked arrays, those of the files that were opened first before others.
  void limit_memory() {
    int64_t sum = 0;
    for (auto const& file : open_) {
      sum += file->unpacked_bytes();
    }
    for (auto const& file : open_) {
      if (sum > kMostUnpacked) {
        sum -= file->unpacked_bytes();
        file->forget_unpacked();
      }
    }
  }

  void set_times(double hours) {
    auto const starts = climax_start_hours(shards_, hours);
    spec_.time_unit = std::string("h");
    if (starts.empty()) {
      spec_.remarks.emplace_back(
          "the shards of a year do not make up 8760 h: no dates, each shard's times count from 0; "
          "data.map.hours says the time between records");
    } else {
      auto const first =
          std::min_element(shards_.begin(), shards_.end(), [](auto const& a, auto const& b) {
            return *a.year < *b.year;
          });
      spec_.time_origin = CfDate{.year = *first->year}.describe();
      spec_.calendar = to_string(Calendar::standard);
    }
    for (size_t i = 0; i < shards_.size(); ++i) {
      TrajectorySpec series{.times = {}, .source = shards_[i].path.filename(), .parameters = {}};
      for (int64_t frame = 0; frame < shards_[i].frames; ++frame) {
        series.times.push_back((starts.empty() ? 0 : starts[i]) +
                               hours * static_cast<double>(frame));
      }
      spec_.trajectories.push_back(std::move(series));
    }
  }

  void set_remarks(fs::path const& folder) {
    std::error_code ignored;
    if (fs::exists(folder / "normalize_mean.npz", ignored)) {
      spec_.remarks.emplace_back(
          "normalize_mean.npz and normalize_std.npz are those of ClimaX's converter, whose values "
          "on levels are of the last year only; training computes its own, or takes them with "
          "data.statistics=published");
    }
    auto& file = opened(shards_.front().path);
    file.array(arrays_.front());
    if (file.unpacked_bytes() > 0) {
      spec_.remarks.emplace_back(
          "the arrays are compressed: each is unpacked whole before a record is read, on every "
          "rank also where parallel.domain splits samples; numpy.savez stores them so that "
          "records, "
          "and blocks of them, can be read alone");
    }
  }

  std::vector<ClimaxShard> shards_;  ///< a trajectory each
  DatasetSpec spec_;
  std::vector<std::string> arrays_;     ///< of the fields
  std::vector<std::string> constants_;  ///< arrays of the constant fields
  std::deque<std::unique_ptr<NpzFile>> open_;
  int64_t bytes_ = 0;
};

bool recognises(fs::path const& path) {
  std::error_code ignored;
  return fs::is_regular_file(path / "lat.npy", ignored) &&
         fs::is_regular_file(path / "lon.npy", ignored) && !climax_splits(path).empty();
}

}  // namespace

FormatEntry climax_format() {
  return {.name = "climax",
          .summary = "ClimaX's npz shards: lat.npy, lon.npy and folders train, val, test",
          .recognises = recognises,
          .open = [](OpenRequest const& request) -> std::unique_ptr<Reader> {
            return std::make_unique<ClimaxReader>(request);
          },
          .own_splits = [](OpenRequest const& request) { return climax_splits(request.path); },
          .takes_map = true};
}

}  // namespace eddyline
