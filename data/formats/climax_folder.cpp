#include "data/formats/climax_folder.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "core/error.hpp"
#include "data/formats/cf_grid.hpp"
#include "data/formats/cf_time.hpp"
#include "data/formats/npy_file.hpp"

namespace eddyline {
namespace {

namespace fs = std::filesystem;

constexpr double kHoursKept = 8760;  // of every year: leap years lose their last day
constexpr double kTolerance = 1e-6;  // of an hour

struct Part {
  std::string split;
  std::string folder;
};
std::vector<Part> const kParts = {{"train", "train"}, {"valid", "val"}, {"test", "test"}};

/// All of the text as a number.
std::optional<int64_t> whole_number(std::string const& text) {
  int64_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool const is_number = !text.empty() && error == std::errc() && end == text.data() + text.size();
  return is_number && value >= 0 ? std::optional(value) : std::nullopt;
}

ClimaxShard shard_of(fs::path const& path) {
  ClimaxShard shard{.path = path};
  auto const stem = path.stem().string();
  auto const line = stem.find('_');
  if (line != std::string::npos) {
    auto const year = whole_number(stem.substr(0, line));
    auto const part = whole_number(stem.substr(line + 1));
    if (year && part) {
      shard.year = year;
      shard.part = *part;
    }
  }
  return shard;
}

/// By year and number, so that 1979_10 follows 1979_9; files of other names follow by name.
bool comes_before(ClimaxShard const& a, ClimaxShard const& b) {
  if (a.year.has_value() != b.year.has_value()) {
    return a.year.has_value();
  }
  return a.year ? std::pair(*a.year, a.part) < std::pair(*b.year, b.part) : a.path < b.path;
}

std::vector<ClimaxShard> shards_in(fs::path const& folder) {
  std::vector<ClimaxShard> shards;
  std::error_code error;
  for (auto const& entry : fs::directory_iterator(folder, error)) {
    auto const& path = entry.path();
    bool const is_climatology = path.filename().string().find("climatology") != std::string::npos;
    if (path.extension() == ".npz" && !is_climatology && entry.is_regular_file(error)) {
      shards.push_back(shard_of(path));
    }
  }
  std::sort(shards.begin(), shards.end(), comes_before);
  return shards;
}

Axis read_axis(fs::path const& path, std::string const& name, std::string const& units) {
  NpyFile file(path);
  require(file.shape().size() == 1 && file.shape()[0] > 0,
          "'",
          path.string(),
          "' has the shape (",
          file.shape(),
          "); the ",
          name,
          "s of the grid are one list");
  Axis axis{.name = name, .coordinates = read_whole(file), .units = units};
  for (size_t i = 0; i < axis.coordinates.size(); ++i) {
    require(std::isfinite(axis.coordinates[i]), "'", path.string(), "' is not finite at ", i);
  }
  return axis;
}

}  // namespace

std::vector<std::string> climax_splits(fs::path const& folder) {
  std::vector<std::string> splits;
  for (auto const& part : kParts) {
    if (!shards_in(folder / part.folder).empty()) {
      splits.push_back(part.split);
    }
  }
  return splits;
}

std::vector<ClimaxShard> climax_shards(fs::path const& folder, std::string const& split) {
  std::vector<ClimaxShard> shards;
  for (auto const& part : kParts) {
    if (split == "all" || split == part.split) {
      auto const more = shards_in(folder / part.folder);
      shards.insert(shards.end(), more.begin(), more.end());
    }
  }
  require(!shards.empty(),
          "'",
          folder.string(),
          "' has no shards for ",
          split,
          "; they are .npz files in its folders train, val and test");
  return shards;
}

Grid climax_grid(fs::path const& folder) {
  auto const latitude = read_axis(folder / "lat.npy", "latitude", "degrees_north");
  auto longitude = read_axis(folder / "lon.npy", "longitude", "degrees_east");
  close_circle(longitude);
  return Grid({latitude, longitude}, Geometry::lat_lon);
}

std::vector<double> climax_start_hours(std::vector<ClimaxShard> const& shards, double hours) {
  std::map<int64_t, std::vector<ClimaxShard const*>> years;
  for (auto const& shard : shards) {
    if (!shard.year) {
      return {};
    }
    years[*shard.year].push_back(&shard);
  }
  std::map<ClimaxShard const*, double> starts;
  CfDate const first{.year = years.begin()->first};
  for (auto const& [year, parts] : years) {
    auto hour = 24 * days_between(Calendar::standard, first, CfDate{.year = year});
    auto const begin = hour;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i]->part != static_cast<int64_t>(i)) {
        return {};
      }
      starts[parts[i]] = hour;
      hour += hours * static_cast<double>(parts[i]->frames);
    }
    if (std::abs(hour - begin - kHoursKept) > kTolerance) {
      return {};
    }
  }
  std::vector<double> result;
  for (auto const& shard : shards) {
    result.push_back(starts[&shard]);
  }
  return result;
}

}  // namespace eddyline
