#include "data/formats/suggest.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "core/error.hpp"
#include "data/formats/file_list.hpp"
#include "data/formats/guess_map.hpp"
#include "data/formats/npy_file.hpp"
#include "data/hdf5/file.hpp"

namespace eddyline {
namespace {

constexpr size_t kMostArrays = 200;
constexpr int kDeepest = 8;

std::string units_of(Hdf5DataSet const& data) {
  for (auto const* name : {"units", "unit", "Units"}) {
    if (data.has_attribute(name) && !data.is_number(name)) {
      return data.read_text(name);
    }
  }
  return "";
}

void collect(Hdf5Group const& group,
             std::string const& prefix,
             int depth,
             std::vector<ArrayFacts>& arrays) {
  for (auto const& name : group.data_sets()) {
    auto const data = group.open_data_set(name);
    if (data.holds_numbers() && data.dimensions() > 0 && arrays.size() < kMostArrays) {
      arrays.push_back({prefix + "/" + name, data.shape(), units_of(data)});
    }
  }
  for (auto const& name : group.groups()) {
    if (depth < kDeepest && arrays.size() < kMostArrays) {
      collect(group.open_group(name), prefix + "/" + name, depth + 1, arrays);
    }
  }
}

/// Groups that hold the same arrays (seeds, runs) are one, called "*".
std::vector<ArrayFacts> arrays_of(Hdf5File const& file) {
  std::vector<ArrayFacts> arrays;
  auto const groups = file.groups();
  auto const names_in = [&](std::string const& group) {
    return file.open_group(group).data_sets();
  };
  bool const alike = groups.size() > 1 && file.data_sets().empty() &&
                     !names_in(groups[0]).empty() &&
                     names_in(groups.front()) == names_in(groups.back());
  if (alike) {
    collect(file.open_group(groups.front()), "/*", 1, arrays);
  } else {
    collect(file, "", 0, arrays);
  }
  return arrays;
}

/// "u_0012.npy" → "u_*.npy"; a name without digits at its end stays.
std::string pattern_of(std::filesystem::path const& file) {
  auto stem = file.stem().string();
  auto const size = stem.size();
  while (!stem.empty() && std::isdigit(static_cast<unsigned char>(stem.back())) != 0) {
    stem.pop_back();
  }
  return stem.size() < size && !stem.empty() ? stem + "*.npy" : file.filename().string();
}

/// What one of the files holds. Numbered files are frames, unless an array of times or more axes
/// than a frame has say that each is a series.
std::string holds(std::vector<std::filesystem::path> const& files,
                  std::vector<ArrayFacts> const& arrays) {
  constexpr size_t kMostAxesOfAFrame = 3;
  auto const family = pattern_of(files.front());
  bool const numbered =
      files.size() > 1 && family.find('*') != family.npos && family == pattern_of(files.back());
  bool const is_series = std::any_of(arrays.begin(), arrays.end(), [](ArrayFacts const& array) {
    return array.shape.size() > kMostAxesOfAFrame || (is_time(array) && array.shape.back() > 1);
  });
  return numbered && !is_series ? "frame" : "trajectories";
}

std::string suggest_npy(std::filesystem::path const& path) {
  std::error_code error;
  auto const folder = std::filesystem::is_directory(path, error) ? path : path.parent_path();
  std::map<std::string, std::vector<std::filesystem::path>> families;
  for (auto const& file : list_files(path, {".npy"})) {
    families[pattern_of(file)].push_back(file);
  }
  std::vector<ArrayFacts> arrays;
  bool is_series = false;
  for (auto const& [pattern, files] : families) {
    bool const many = files.size() > 1;
    is_series = is_series || many;
    arrays.push_back(
        {many ? pattern : files[0].filename().string(), NpyFile(files[0]).shape(), ""});
  }
  // Many small files are frames; an array without room for time cannot be anything else.
  return guess_map(arrays, is_series ? "frame" : "trajectories");
}

}  // namespace

std::string suggest_map(std::filesystem::path const& path) {
  return with_context(
      [&]() -> std::string {
        auto const files = list_files(path, {".h5", ".hdf5", ".hdf", ".he5", ".mat", ".npy"});
        if (files.front().extension() == ".npy") {
          return suggest_npy(path);
        }
        auto const arrays = arrays_of(Hdf5File::open(files.front()));
        return guess_map(arrays, holds(files, arrays));
      },
      "guessing what '",
      path.string(),
      "' holds");
}

}  // namespace eddyline
