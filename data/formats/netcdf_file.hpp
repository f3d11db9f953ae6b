#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "data/formats/netcdf_classic.hpp"

namespace eddyline {

/// How stored numbers become values: value = stored * scale + offset; missing ones become NaN.
struct NetcdfPacking {
  double scale = 1;
  double offset = 0;
  bool is_packed = false;       ///< scale_factor or add_offset is there
  std::vector<double> missing;  ///< stored numbers: _FillValue, missing_value, the type's own fill
  std::optional<double> low, high;  ///< stored numbers outside valid_range are missing
  double to_negative = 0;           ///< _Unsigned = true: added to stored numbers below 0
  double half_range = 0;  ///< _Unsigned = false: twice this is taken off from this on; 0: not
};

struct NetcdfDimension {
  std::string name;
  int64_t size = 0;
  bool is_unlimited = false;
};

/// A numeric or other variable of the root group, without its values.
struct NetcdfVariable {
  std::string name;
  int id = -1;
  int type = 0;                                        ///< nc_type
  int64_t item_bytes = 0;                              ///< 0 for types that are not numbers
  std::vector<int> dimensions;                         ///< numbers of NetcdfFile::dimensions()
  std::map<std::string, std::string> texts;            ///< text attributes
  std::map<std::string, std::vector<double>> numbers;  ///< numeric attributes
  std::set<std::string> real;                          ///< those of them that are float or double
  NetcdfPacking packing;

  bool is_numeric() const { return item_bytes > 0; }
  int rank() const { return static_cast<int>(dimensions.size()); }
  /// Text attribute or "".
  std::string text(std::string const& name) const;
  /// Names in a text attribute that is a blank-separated list (coordinates, ancillary_variables).
  std::vector<std::string> words(std::string const& name) const;
};

/// A netCDF file open for reading; calls take the process' HDF5 lock.
class NetcdfFile final {
 public:
  /// \throw Error  if it does not exist, is not netCDF, or is truncated or damaged; names it
  explicit NetcdfFile(std::filesystem::path const& path);
  ~NetcdfFile();
  NetcdfFile(NetcdfFile const&) = delete;
  NetcdfFile& operator=(NetcdfFile const&) = delete;

  std::filesystem::path const& path() const { return path_; }
  NetcdfKind kind() const { return kind_; }
  std::vector<NetcdfDimension> const& dimensions() const { return dimensions_; }
  std::vector<NetcdfVariable> const& variables() const { return variables_; }
  NetcdfVariable const* find(std::string const& name) const;
  /// Groups below the root, which are not read.
  int groups() const { return groups_; }

  /// Reads start … start + count of every dimension, unpacked, missing as NaN, row-major.
  void read(NetcdfVariable const& variable,
            std::vector<size_t> const& start,
            std::vector<size_t> const& count,
            float* out) const;
  /// All values of a small variable (coordinates, bounds): unpacked, missing as NaN.
  /// \throw Error  if it has more than 2^24 values
  std::vector<double> read_all(NetcdfVariable const& variable) const;

 private:
  void read_stored(NetcdfVariable const& variable,
                   std::vector<size_t> const& start,
                   std::vector<size_t> const& count,
                   double* out) const;
  void inquire_dimensions();
  NetcdfVariable inquire(int id) const;
  void inquire_attribute(NetcdfVariable& variable, int index) const;
  void check(int status, std::string const& what) const;

  std::filesystem::path path_;
  NetcdfKind kind_ = NetcdfKind::none;
  int id_ = -1;
  int groups_ = 0;
  std::vector<NetcdfDimension> dimensions_;
  std::map<int, int> dimension_numbers_;  ///< netCDF's id to the place in dimensions_
  std::vector<NetcdfVariable> variables_;
};

}  // namespace eddyline
