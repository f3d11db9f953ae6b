#include "data/formats/netcdf_file.hpp"

#include <netcdf.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <mutex>
#include <sstream>

#include "core/error.hpp"
#include "data/hdf5/file.hpp"
#include "data/hdf5/library.hpp"

namespace eddyline {
namespace {

constexpr size_t kLongestText = 1 << 20;  // attributes beyond are not what CF knows
constexpr size_t kMostNumbers = 1 << 12;
constexpr size_t kMostMissing = 8;
constexpr int64_t kMostCoordinates = 1 << 24;

int64_t bytes_of(int type) {
  switch (type) {
    case NC_BYTE:
    case NC_UBYTE:
      return 1;
    case NC_SHORT:
    case NC_USHORT:
      return 2;
    case NC_INT:
    case NC_UINT:
    case NC_FLOAT:
      return 4;
    case NC_DOUBLE:
    case NC_INT64:
    case NC_UINT64:
      return 8;
    default:
      return 0;
  }
}

bool is_integer(int type) {
  return type != NC_FLOAT && type != NC_DOUBLE;
}
bool is_unsigned(int type) {
  return type == NC_UBYTE || type == NC_USHORT || type == NC_UINT || type == NC_UINT64;
}

/// What libnetcdf writes where nothing was written; none for bytes, of which every value is a
/// value.
std::optional<double> default_fill(int type) {
  switch (type) {
    case NC_SHORT:
      return NC_FILL_SHORT;
    case NC_USHORT:
      return NC_FILL_USHORT;
    case NC_INT:
      return NC_FILL_INT;
    case NC_UINT:
      return NC_FILL_UINT;
    case NC_FLOAT:
      return NC_FILL_FLOAT;
    case NC_DOUBLE:
      return NC_FILL_DOUBLE;
    case NC_INT64:
      return static_cast<double>(NC_FILL_INT64);
    case NC_UINT64:
      return static_cast<double>(NC_FILL_UINT64);
    default:
      return std::nullopt;
  }
}

std::vector<double> numbers_of(NetcdfVariable const& variable, std::string const& name) {
  auto const found = variable.numbers.find(name);
  return found == variable.numbers.end() ? std::vector<double>{} : found->second;
}

/// netCDF-3 has no unsigned types: `_Unsigned` says that the bits mean one.
void set_sign(NetcdfVariable const& variable, NetcdfPacking& packing) {
  auto const sign = variable.text("_Unsigned");
  auto const range = std::ldexp(1.0, static_cast<int>(variable.item_bytes) * 8);
  if (!is_integer(variable.type)) {
    return;
  }
  if (sign == "true" && !is_unsigned(variable.type)) {
    packing.to_negative = range;
  } else if (sign == "false" && is_unsigned(variable.type)) {
    packing.half_range = range / 2;
  }
}

double with_sign(NetcdfPacking const& packing, double stored) {
  if (stored < 0) {
    return stored + packing.to_negative;
  }
  if (packing.half_range != 0 && stored >= packing.half_range) {
    return stored - 2 * packing.half_range;
  }
  return stored;
}

void set_range(NetcdfVariable const& variable, NetcdfPacking& packing) {
  auto const range = numbers_of(variable, "valid_range");
  auto const low = numbers_of(variable, "valid_min");
  auto const high = numbers_of(variable, "valid_max");
  // Real limits of packed integers are meant for the values (netCDF User's Guide, appendix A).
  auto const stored = [&](std::string const& name, double limit) {
    bool const of_values =
        packing.is_packed && is_integer(variable.type) && variable.real.contains(name);
    return of_values ? (limit - packing.offset) / packing.scale : with_sign(packing, limit);
  };
  if (range.size() == 2) {
    packing.low = stored("valid_range", range[0]);
    packing.high = stored("valid_range", range[1]);
  }
  if (low.size() == 1) {
    packing.low = stored("valid_min", low[0]);
  }
  if (high.size() == 1) {
    packing.high = stored("valid_max", high[0]);
  }
  if (packing.low && packing.high && *packing.low > *packing.high) {
    std::swap(packing.low, packing.high);  // a negative scale_factor turns them round
  }
}

NetcdfPacking packing_of(NetcdfVariable const& variable) {
  NetcdfPacking packing;
  auto const scale = numbers_of(variable, "scale_factor");
  auto const offset = numbers_of(variable, "add_offset");
  packing.is_packed = !scale.empty() || !offset.empty();
  packing.scale = scale.empty() ? 1 : scale[0];
  packing.offset = offset.empty() ? 0 : offset[0];
  set_sign(variable, packing);
  auto missing = numbers_of(variable, "_FillValue");
  if (missing.empty() && default_fill(variable.type)) {
    missing.push_back(*default_fill(variable.type));
  }
  auto const more = numbers_of(variable, "missing_value");
  missing.insert(missing.end(), more.begin(), more.end());
  missing.resize(std::min(missing.size(), kMostMissing));
  for (auto const value : missing) {
    // 1e20 in an attribute of type double means the float nearest to it in float data.
    packing.missing.push_back(variable.type == NC_FLOAT
                                  ? static_cast<double>(static_cast<float>(value))
                                  : with_sign(packing, value));
  }
  set_range(variable, packing);
  return packing;
}

double unpacked(NetcdfPacking const& packing, double stored) {
  auto const value = with_sign(packing, stored);
  bool const missing =
      std::find(packing.missing.begin(), packing.missing.end(), value) != packing.missing.end() ||
      (packing.low && value < *packing.low) || (packing.high && value > *packing.high);
  if (missing) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return packing.is_packed ? value * packing.scale + packing.offset : value;
}

size_t product(std::vector<size_t> const& count) {
  size_t cells = 1;
  for (auto const n : count) {
    cells *= n;
  }
  return cells;
}

}  // namespace

std::string NetcdfVariable::text(std::string const& name) const {
  auto const found = texts.find(name);
  return found == texts.end() ? "" : found->second;
}

std::vector<std::string> NetcdfVariable::words(std::string const& name) const {
  std::istringstream in(text(name));
  std::vector<std::string> words;
  for (std::string word; in >> word;) {
    words.push_back(word);
  }
  return words;
}

NetcdfFile::NetcdfFile(std::filesystem::path const& path) : path_(path) {
  std::error_code error;
  // libnetcdf takes addresses of servers too; only files are wanted here.
  require(std::filesystem::is_regular_file(path, error), "there is no file '", path.string(), "'");
  kind_ = netcdf_kind(path);
  require(kind_ != NetcdfKind::none,
          "'",
          path.string(),
          "' is not a netCDF file: it begins neither with CDF nor as HDF5 does");
  if (kind_ == NetcdfKind::hdf5) {
    check_hdf5_file(path);
    prepare_hdf5();
  } else {
    check_classic_netcdf(path);
  }
  std::lock_guard const lock(hdf5_lock());
  int const status = nc_open(path.c_str(), NC_NOWRITE, &id_);
  require(status == NC_NOERR,
          "cannot open '",
          path.string(),
          "' as ",
          to_string(kind_),
          ": ",
          nc_strerror(status),
          "; it has ",
          std::filesystem::file_size(path),
          " bytes and may be truncated or damaged: copy it again");
  try {
    inquire_dimensions();
    int variables = 0;
    check(nc_inq_nvars(id_, &variables), "the list of variables");
    for (int i = 0; i < variables; ++i) {
      variables_.push_back(inquire(i));
    }
    if (kind_ == NetcdfKind::hdf5) {
      check(nc_inq_grps(id_, &groups_, nullptr), "its groups");
    }
  } catch (...) {
    nc_close(id_);
    throw;
  }
}

void NetcdfFile::inquire_dimensions() {
  int count = 0;
  check(nc_inq_dimids(id_, &count, nullptr, 0), "the list of dimensions");
  std::vector<int> ids(static_cast<size_t>(count));
  check(nc_inq_dimids(id_, &count, ids.data(), 0), "the list of dimensions");
  int unlimited_count = 0;
  check(nc_inq_unlimdims(id_, &unlimited_count, nullptr), "the unlimited dimensions");
  std::vector<int> unlimited(static_cast<size_t>(unlimited_count));
  check(nc_inq_unlimdims(id_, &unlimited_count, unlimited.data()), "the unlimited dimensions");
  for (auto const id : ids) {
    std::array<char, NC_MAX_NAME + 1> name{};
    size_t size = 0;
    check(nc_inq_dim(id_, id, name.data(), &size), concat("dimension ", id));
    dimension_numbers_[id] = static_cast<int>(dimensions_.size());
    dimensions_.push_back({name.data(),
                           static_cast<int64_t>(size),
                           std::count(unlimited.begin(), unlimited.end(), id) > 0});
  }
}

NetcdfFile::~NetcdfFile() {
  std::lock_guard const lock(hdf5_lock());
  nc_close(id_);
}

void NetcdfFile::check(int status, std::string const& what) const {
  require(status == NC_NOERR,
          "cannot read ",
          what,
          " of '",
          path_.string(),
          "': ",
          nc_strerror(status));
}

NetcdfVariable NetcdfFile::inquire(int id) const {
  std::array<char, NC_MAX_NAME + 1> name{};
  int rank = 0;
  int attributes = 0;
  NetcdfVariable variable;
  variable.id = id;
  check(nc_inq_var(id_, id, name.data(), &variable.type, &rank, nullptr, &attributes),
        concat("variable ", id));
  variable.name = name.data();
  variable.item_bytes = bytes_of(variable.type);
  variable.dimensions.resize(static_cast<size_t>(rank));
  check(nc_inq_vardimid(id_, id, variable.dimensions.data()),
        concat("dimensions of variable '", variable.name, "'"));
  for (auto& dimension : variable.dimensions) {
    auto const found = dimension_numbers_.find(dimension);
    require(found != dimension_numbers_.end(),
            "variable '",
            variable.name,
            "' of '",
            path_.string(),
            "' has an unknown dimension");
    dimension = found->second;
  }
  for (int i = 0; i < attributes; ++i) {
    inquire_attribute(variable, i);
  }
  if (variable.is_numeric()) {
    variable.packing = packing_of(variable);
  }
  return variable;
}

void NetcdfFile::inquire_attribute(NetcdfVariable& variable, int index) const {
  std::array<char, NC_MAX_NAME + 1> name{};
  nc_type type = 0;
  size_t length = 0;
  auto const what = concat("attribute ", index, " of variable '", variable.name, "'");
  check(nc_inq_attname(id_, variable.id, index, name.data()), what);
  check(nc_inq_att(id_, variable.id, name.data(), &type, &length), what);
  if (type == NC_CHAR && length <= kLongestText) {
    std::string text(length, '\0');
    check(nc_get_att_text(id_, variable.id, name.data(), text.data()), what);
    variable.texts[name.data()] = text.substr(0, text.find('\0'));
  } else if (type == NC_STRING && length == 1) {
    char* text = nullptr;
    check(nc_get_att_string(id_, variable.id, name.data(), &text), what);
    variable.texts[name.data()] = text == nullptr ? "" : text;
    nc_free_string(1, &text);
  } else if (bytes_of(type) > 0 && length <= kMostNumbers) {
    std::vector<double> values(length);
    check(nc_get_att_double(id_, variable.id, name.data(), values.data()), what);
    variable.numbers[name.data()] = values;
    if (!is_integer(type)) {
      variable.real.insert(name.data());
    }
  }
}

NetcdfVariable const* NetcdfFile::find(std::string const& name) const {
  auto const found = std::find_if(
      variables_.begin(), variables_.end(), [&](auto const& v) { return v.name == name; });
  return found == variables_.end() ? nullptr : &*found;
}

void NetcdfFile::read_stored(NetcdfVariable const& variable,
                             std::vector<size_t> const& start,
                             std::vector<size_t> const& count,
                             double* out) const {
  std::lock_guard const lock(hdf5_lock());
  check(nc_get_vara_double(id_, variable.id, start.data(), count.data(), out),
        concat("variable '", variable.name, "'"));
}

void NetcdfFile::read(NetcdfVariable const& variable,
                      std::vector<size_t> const& start,
                      std::vector<size_t> const& count,
                      float* out) const {
  auto const cells = product(count);
  auto const& packing = variable.packing;
  if (variable.type == NC_FLOAT && !packing.is_packed) {
    std::lock_guard const lock(hdf5_lock());
    check(nc_get_vara_float(id_, variable.id, start.data(), count.data(), out),
          concat("variable '", variable.name, "'"));
    for (size_t i = 0; i < cells; ++i) {
      out[i] = static_cast<float>(unpacked(packing, out[i]));
    }
    return;
  }
  std::vector<double> stored(cells);
  read_stored(variable, start, count, stored.data());
  std::transform(stored.begin(), stored.end(), out, [&](double x) {
    return static_cast<float>(unpacked(packing, x));
  });
}

std::vector<double> NetcdfFile::read_all(NetcdfVariable const& variable) const {
  std::vector<size_t> count;
  int64_t cells = 1;
  for (auto const dimension : variable.dimensions) {
    auto const size = dimensions_[static_cast<size_t>(dimension)].size;
    require(size <= kMostCoordinates && cells * size <= kMostCoordinates,
            "coordinate variable '",
            variable.name,
            "' of '",
            path_.string(),
            "' has more than ",
            kMostCoordinates,
            " values");
    cells *= size;
    count.push_back(static_cast<size_t>(size));
  }
  std::vector<double> values(static_cast<size_t>(cells));
  read_stored(variable, std::vector<size_t>(count.size(), 0), count, values.data());
  for (auto& value : values) {
    value = unpacked(variable.packing, value);
  }
  return values;
}

}  // namespace eddyline
