#include "data/formats/registry.hpp"

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "core/yaml.hpp"
#include "data/formats/array_format.hpp"
#include "data/formats/climatebench_reader.hpp"
#include "data/formats/climax_reader.hpp"
#include "data/formats/netcdf_format.hpp"
#include "data/formats/pdebench_reader.hpp"
#include "data/formats/rollout_reader.hpp"
#include "data/formats/weatherbench_reader.hpp"
#include "data/formats/well_reader.hpp"
#include "data/hdf5/file.hpp"

namespace eddyline {
namespace {

std::string print_formats() {
  std::string text;
  for (auto const& entry : format_registry()) {
    text += (text.empty() ? "" : ", ") + entry.name + " (" + entry.summary + ")";
  }
  return text;
}

/// The file, or those in the folder, as far as their names say HDF5.
void check_hdf5_files(std::filesystem::path const& path) {
  constexpr int kMost = 1000;
  auto const is_hdf5 = [](std::filesystem::path const& file) {
    return file.extension() == ".h5" || file.extension() == ".hdf5";
  };
  if (!std::filesystem::is_directory(path)) {
    if (is_hdf5(path)) {
      check_hdf5_file(path);
    }
    return;
  }
  int count = 0;
  for (auto const& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (entry.is_regular_file() && is_hdf5(entry.path()) && count++ < kMost) {
      check_hdf5_file(entry.path());
    }
  }
}

}  // namespace

std::vector<FormatEntry> const& format_registry() {
  static std::vector<FormatEntry> const entries = {
      well_format(),
      climax_format(),
      weatherbench_format(),
      climatebench_format(),
      {"netcdf",
       "CF netCDF 3 and 4: latitude-longitude or cartesian axes, calendars, packed values",
       recognises_netcdf,
       open_netcdf_format,
       no_splits,
       /*takes_map=*/true},
      {"rollout", "what 'eddyline rollout' writes", is_rollout, open_rollout, no_splits},
      pdebench_format(),
      {"npy",
       "npy files of your own, said by a map",
       recognises_npy_arrays,
       open_npy_arrays,
       map_splits,
       /*takes_map=*/true},
      // Any HDF5 file fits this one, so it is asked last.
      {"hdf5",
       "HDF5 arrays of your own, said by a map",
       recognises_hdf5_arrays,
       open_hdf5_arrays,
       map_splits,
       /*takes_map=*/true},
  };
  return entries;
}

FormatEntry const& format_entry(std::string const& format, std::filesystem::path const& path) {
  std::vector<std::string> names = {"auto"};
  for (auto const& entry : format_registry()) {
    if (entry.name == format || (format == "auto" && entry.recognises(path))) {
      return entry;
    }
    names.push_back(entry.name);
  }
  require(format == "auto", "there is no format '", format, "'", did_you_mean(format, names));
  std::error_code ignored;
  require(std::filesystem::exists(path, ignored),
          "there is no file or folder '",
          path.string(),
          "'; check the path");
  check_hdf5_files(path);  // says more closely what is wrong with one
  throw Error(concat("'",
                     path.string(),
                     "' is in no format that is recognised: ",
                     print_formats(),
                     "; for arrays of your own name the format and give a map ('eddyline inspect "
                     "--suggest FILE' prints a start)"));
}

std::unique_ptr<Reader> open_reader(std::string const& format, OpenRequest const& request) {
  return with_context(
      [&] {
        auto const& entry = format_entry(format, request.path);
        require(entry.takes_map || parse_yaml(request.map, "data.map").items.empty(),
                "data.map is given, but files of the format ",
                entry.name,
                " say themselves what they hold; leave it out (data.map={}), or set data.format to "
                "hdf5 if they are arrays of your own");
        return entry.open(request);
      },
      "opening '",
      request.path.string(),
      "'");
}

}  // namespace eddyline
