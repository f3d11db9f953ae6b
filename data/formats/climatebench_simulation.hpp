#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/field/decomposition.hpp"
#include "data/field/field_set.hpp"
#include "data/field/grid.hpp"
#include "data/formats/netcdf_file.hpp"

namespace eddyline {

/// A variable of an inputs or outputs file as (years, latitude, longitude): variables without a
/// grid (global emissions) are the same everywhere, members of an ensemble are averaged.
struct ClimatebenchVariable {
  NetcdfVariable const* variable = nullptr;
  int time = -1, member = -1, latitude = -1, longitude = -1;  ///< positions of its dimensions
  int64_t members = 1;
};

/// inputs_<name>.nc and outputs_<name>.nc of one simulation: what is emitted and what follows, by
/// year. Precipitation, stored in kg m-2 s-1, is given in mm/day, as ClimateBench scores it.
class ClimatebenchSimulation final {
 public:
  /// \throw Error  naming the file and what is missing or differs between the two
  ClimatebenchSimulation(std::filesystem::path const& folder, std::string const& name);

  std::string const& name() const { return name_; }
  /// Years that both files have.
  std::vector<int64_t> const& years() const { return years_; }
  /// Inputs, then outputs, in the files' order.
  FieldSet const& fields() const { return fields_; }
  Grid const& grid() const { return grid_; }
  std::vector<std::filesystem::path> files() const;
  /// A channel's plane of `years()[year]`, rows × columns of the box, row-major.
  /// \return  bytes asked of the file
  int64_t read(int64_t channel, int64_t year, Box const& box, float* out) const;

 private:
  struct Channel {
    NetcdfFile const* file;
    ClimatebenchVariable source;
    int64_t first_year;  ///< index of years()[0] in the file
    double factor;       ///< to the unit of fields()
  };
  std::vector<int64_t> read_years(NetcdfFile const& file) const;
  void add_channels(NetcdfFile const& file, int64_t first_year, std::vector<Field>& fields);

  std::string name_;
  std::unique_ptr<NetcdfFile> inputs_, outputs_;
  std::vector<int64_t> years_;
  std::vector<Channel> channels_;
  FieldSet fields_;
  Grid grid_;
};

/// Names of the simulations of a folder, sorted: those with an inputs and an outputs file.
std::vector<std::string> climatebench_simulations(std::filesystem::path const& folder);

}  // namespace eddyline
