#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace eddyline {

/// The folder of one variable: a file a year.
struct WeatherbenchVariable {
  std::string name;  ///< of the folder: "geopotential", "2m_temperature"
  std::map<int64_t, std::filesystem::path> years;
};

/// Years of each part, both included: `data.map` of the format weatherbench.
struct WeatherbenchYears {
  std::array<int64_t, 2> train = {1979, 2015};
  std::array<int64_t, 2> valid = {2016, 2016};
  std::array<int64_t, 2> test = {2017, 2018};

  template <class Visitor>
  void visit(Visitor&& v) {
    v("train", train, "first and last year to train on");
    v("valid", valid, "first and last year to choose with");
    v("test", test, "first and last year to score on");
  }
  /// Of "train", "valid" or "test"; for "all" every year.
  std::array<int64_t, 2> of(std::string const& split) const;
};

/// \throw Error  for years that are no range, and parts that share a year
WeatherbenchYears parse_weatherbench_years(std::string const& yaml);

/// The folders below `root` that hold netCDF files named by years, sorted by name.
std::vector<WeatherbenchVariable> weatherbench_variables(std::filesystem::path const& root);

/// The files of constant fields: constants.nc, or those in the folder constants; empty if none.
std::vector<std::filesystem::path> weatherbench_constants(std::filesystem::path const& root);

/// The year in a file's name: 1979 of "geopotential_500hPa_1979_5.625deg.nc"; 0 if none.
int64_t year_of_name(std::string const& name);

}  // namespace eddyline
