#include "data/formats/array_format.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "data/formats/array_map.hpp"
#include "data/formats/array_reader.hpp"
#include "data/formats/file_list.hpp"
#include "data/formats/hdf5_array_store.hpp"
#include "data/formats/npy_array_store.hpp"
#include "data/formats/suggest.hpp"
#include "data/formats/trajectory_slice.hpp"
#include "data/hdf5/file.hpp"

namespace eddyline {
namespace {

std::vector<std::string> const kHdf5Endings = {".h5", ".hdf5", ".hdf", ".he5", ".mat"};
std::vector<std::string> const kNpyEndings = {".npy"};

/// The entries that make the asked fields, in the asked order.
std::vector<ArrayFieldMap> chosen_fields(ArrayMap const& map,
                                         std::vector<std::string> const& wanted) {
  std::vector<ArrayFieldMap> chosen;
  for (auto const& name : wanted) {
    auto const before = chosen.size();
    std::vector<std::string> known;
    for (auto const& entry : map.fields) {
      auto const fields = fields_of(map, entry);
      for (size_t i = 0; i < fields.size() && chosen.size() == before; ++i) {
        known.push_back(fields[i].name);
        if (entry.name == name) {
          chosen.push_back(entry);
        } else if (fields[i].name == name) {  // one component of several that are scalars
          chosen.push_back(entry);
          chosen.back().name = name;
          chosen.back().components.clear();
          chosen.back().index = static_cast<int64_t>(i);
        }
      }
    }
    require(
        chosen.size() > before, "data.map has no field '", name, "'", did_you_mean(name, known));
  }
  return chosen;
}

ArrayMap map_of(OpenRequest const& request) {
  if (request.map.empty()) {
    throw Error(
        concat("own arrays need data.map, which says what they are; a start, to be checked:\n",
               suggest_map(request.path)));
  }
  auto map = parse_array_map(request.map, "data.map");
  if (!request.fields.empty()) {
    map.fields = chosen_fields(map, request.fields);
  }
  return map;
}

std::unique_ptr<Reader> with_split(std::unique_ptr<Reader> reader,
                                   ArrayMap const& map,
                                   std::string const& split) {
  if (split == "all") {
    return reader;
  }
  auto const found = map.splits.find(split);
  require(found != map.splits.end(),
          "data.map has no split '",
          split,
          "'; name its trajectories with splits: {",
          split,
          ": [first, end]}");
  return keep_trajectories(std::move(reader), found->second[0], found->second[1]);
}

bool first_file_is(std::filesystem::path const& path,
                   std::vector<std::string> const& endings,
                   bool (*test)(std::filesystem::path const&)) {
  try {
    return test(list_files(path, endings).front());
  } catch (Error const&) {
    return false;
  }
}

bool ends_as_npy(std::filesystem::path const& path) {
  return path.extension() == ".npy";
}

}  // namespace

std::unique_ptr<Reader> open_hdf5_arrays(OpenRequest const& request) {
  auto const map = map_of(request);
  auto const files =
      list_files(map.files.empty() ? request.path : request.path / map.files, kHdf5Endings);
  auto reader = make_array_reader(map, open_hdf5_store(files, array_names(map)), "hdf5");
  return with_split(std::move(reader), map, request.split);
}

std::unique_ptr<Reader> open_npy_arrays(OpenRequest const& request) {
  auto const map = map_of(request);
  require(map.files.empty(),
          "files of data.map is for HDF5; npy files are named by data of each field");
  std::error_code error;
  auto const folder = std::filesystem::is_directory(request.path, error)
                          ? request.path
                          : request.path.parent_path();
  auto reader = make_array_reader(map, open_npy_store(folder, array_names(map)), "npy");
  return with_split(std::move(reader), map, request.split);
}

std::vector<std::string> map_splits(OpenRequest const& request) {
  std::vector<std::string> names;
  if (!request.map.empty()) {
    auto const splits = parse_array_map(request.map, "data.map").splits;
    for (auto const* name : {"train", "valid", "test"}) {
      if (splits.contains(name)) {
        names.emplace_back(name);
      }
    }
  }
  return names;
}

bool recognises_hdf5_arrays(std::filesystem::path const& path) {
  return first_file_is(path, kHdf5Endings, is_hdf5_file);
}

bool recognises_npy_arrays(std::filesystem::path const& path) {
  return first_file_is(path, kNpyEndings, ends_as_npy);
}

}  // namespace eddyline
