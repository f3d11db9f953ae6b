#pragma once

#include <netcdf.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/core/temporary_folder.hpp"
#include "tests/message_of.hpp"

namespace eddyline {

/// Writes small netCDF files through the C interface: dimensions and variables first, then values.
class NetcdfWriter {
 public:
  NetcdfWriter(std::filesystem::path const& path, int mode) {
    ok(nc_create(path.c_str(), mode | NC_CLOBBER, &id_));
  }
  ~NetcdfWriter() { nc_close(id_); }
  NetcdfWriter(NetcdfWriter const&) = delete;
  NetcdfWriter& operator=(NetcdfWriter const&) = delete;

  int dimension(std::string const& name, size_t size) {
    int dimension = 0;
    ok(nc_def_dim(id_, name.c_str(), size, &dimension));
    return dimension;
  }
  int variable(std::string const& name, nc_type type, std::vector<int> const& dimensions) {
    int variable = 0;
    ok(nc_def_var(id_,
                  name.c_str(),
                  type,
                  static_cast<int>(dimensions.size()),
                  dimensions.data(),
                  &variable));
    return variable;
  }
  void text(int variable, std::string const& name, std::string const& value) {
    ok(nc_put_att_text(id_, variable, name.c_str(), value.size(), value.c_str()));
  }
  void number(int variable,
              std::string const& name,
              nc_type type,
              std::vector<double> const& values) {
    ok(nc_put_att_double(id_, variable, name.c_str(), type, values.size(), values.data()));
  }
  /// A 1-D variable of its own dimension with units.
  int coordinate(std::string const& name, int dimension, std::string const& units) {
    int const made = variable(name, NC_DOUBLE, {dimension});
    if (!units.empty()) {
      text(made, "units", units);
    }
    return made;
  }
  void put(int variable, std::vector<double> const& values) {
    nc_enddef(id_);  // an error where already done
    ok(nc_put_var_double(id_, variable, values.data()));
  }
  /// Values along an unlimited first dimension.
  void put(int variable, std::vector<size_t> const& count, std::vector<double> const& values) {
    nc_enddef(id_);
    std::vector<size_t> const start(count.size(), 0);
    ok(nc_put_vara_double(id_, variable, start.data(), count.data(), values.data()));
  }

 private:
  static void ok(int status) {
    if (status != NC_NOERR) {
      throw std::runtime_error(nc_strerror(status));
    }
  }
  int id_ = -1;
};

/// first, first + step, …
inline std::vector<double> count_from(double first, double step, size_t n) {
  std::vector<double> values(n);
  for (size_t i = 0; i < n; ++i) {
    values[i] = first + step * static_cast<double>(i);
  }
  return values;
}

}  // namespace eddyline
