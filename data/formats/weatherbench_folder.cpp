#include "data/formats/weatherbench_folder.hpp"

#include <algorithm>
#include <cctype>
#include <limits>

#include "core/config.hpp"
#include "core/error.hpp"

namespace eddyline {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFirstYear = 1800;  // of reanalyses and simulations; 1000 is a pressure
constexpr int64_t kLastYear = 2500;

bool is_netcdf_name(fs::path const& path) {
  return path.extension() == ".nc" || path.extension() == ".nc4";
}

std::vector<fs::path> sorted_entries(fs::path const& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (auto const& entry : fs::directory_iterator(folder, error)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

std::array<int64_t, 2> WeatherbenchYears::of(std::string const& split) const {
  return split == "train"   ? train
         : split == "valid" ? valid
         : split == "test"
             ? test
             : std::array{std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
}

WeatherbenchYears parse_weatherbench_years(std::string const& yaml) {
  auto const years = parse_config<WeatherbenchYears>(yaml.empty() ? "{}" : yaml, "data.map");
  std::vector<std::string> const names = {"train", "valid", "test"};
  for (size_t i = 0; i < names.size(); ++i) {
    auto const part = years.of(names[i]);
    require(part[0] <= part[1],
            "data.map.",
            names[i],
            " is [",
            part[0],
            ", ",
            part[1],
            "]; give its first and its last year");
    for (size_t j = 0; j < i; ++j) {
      auto const other = years.of(names[j]);
      require(part[0] > other[1] || other[0] > part[1],
              "data.map.",
              names[j],
              " (",
              other[0],
              " to ",
              other[1],
              ") and data.map.",
              names[i],
              " (",
              part[0],
              " to ",
              part[1],
              ") share a year; a year belongs to one part only");
    }
  }
  return years;
}

int64_t year_of_name(std::string const& name) {
  for (size_t i = 0; i < name.size();) {
    auto end = i;
    while (end < name.size() && std::isdigit(static_cast<unsigned char>(name[end])) != 0) {
      ++end;
    }
    auto const year = end - i == 4 ? std::stoll(name.substr(i, 4)) : 0;
    if (year >= kFirstYear && year <= kLastYear) {
      return year;
    }
    i = end + 1;
  }
  return 0;
}

std::vector<WeatherbenchVariable> weatherbench_variables(fs::path const& root) {
  std::vector<WeatherbenchVariable> variables;
  for (auto const& folder : sorted_entries(root)) {
    WeatherbenchVariable variable{.name = folder.filename(), .years = {}};
    for (auto const& file : sorted_entries(folder)) {
      auto const year = is_netcdf_name(file) ? year_of_name(file.stem()) : 0;
      if (year == 0) {
        continue;
      }
      auto const [held, is_new] = variable.years.emplace(year, file);
      require(is_new,
              "folder '",
              folder.string(),
              "' has two files of ",
              year,
              ": '",
              held->second.filename().string(),
              "' and '",
              file.filename().string(),
              "'; keep one");
    }
    if (!variable.years.empty()) {
      variables.push_back(std::move(variable));
    }
  }
  return variables;
}

std::vector<fs::path> weatherbench_constants(fs::path const& root) {
  std::error_code ignored;
  if (fs::is_regular_file(root / "constants.nc", ignored)) {
    return {root / "constants.nc"};
  }
  std::vector<fs::path> files;
  for (auto const& file : sorted_entries(root / "constants")) {
    if (is_netcdf_name(file)) {
      files.push_back(file);
    }
  }
  return files;
}

}  // namespace eddyline
