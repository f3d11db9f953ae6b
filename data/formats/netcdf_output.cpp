#include "data/formats/netcdf_output.hpp"

#include <netcdf.h>

#include <limits>
#include <mutex>

#include "core/error.hpp"
#include "data/hdf5/library.hpp"

namespace eddyline {
namespace {

constexpr int kFastest = 1;  // of deflate: higher levels cost much time for few percent

}  // namespace

NetcdfOutput::NetcdfOutput(std::filesystem::path const& path) : path_(path) {
  prepare_hdf5();
  std::lock_guard const lock(hdf5_lock());
  check(nc_create(path.c_str(), NC_NETCDF4 | NC_CLOBBER, &id_), "the file");
}

NetcdfOutput::~NetcdfOutput() {
  if (id_ >= 0) {
    std::lock_guard const lock(hdf5_lock());
    if (nc_close(id_) != NC_NOERR) {
      note_hdf5_damage();
    }
  }
}

void NetcdfOutput::check(int status, std::string const& what) const {
  expect_machine(status == NC_NOERR,
                 "cannot write ",
                 what,
                 " of '",
                 path_.string(),
                 "': ",
                 nc_strerror(status));
}

int NetcdfOutput::add_dimension(std::string const& name, int64_t size) {
  std::lock_guard const lock(hdf5_lock());
  int dimension = 0;
  check(nc_def_dim(id_, name.c_str(), static_cast<size_t>(size), &dimension),
        concat("dimension '", name, "'"));
  return dimension;
}

int NetcdfOutput::add(std::string const& name, int type, std::vector<int> const& dimensions) {
  int variable = 0;
  check(nc_def_var(id_,
                   name.c_str(),
                   type,
                   static_cast<int>(dimensions.size()),
                   dimensions.data(),
                   &variable),
        concat("variable '", name, "'"));
  return variable;
}

int NetcdfOutput::add_doubles(std::string const& name, std::vector<int> const& dimensions) {
  std::lock_guard const lock(hdf5_lock());
  return add(name, NC_DOUBLE, dimensions);
}

int NetcdfOutput::add_integers(std::string const& name, std::vector<int> const& dimensions) {
  std::lock_guard const lock(hdf5_lock());
  return add(name, NC_INT, dimensions);
}

int NetcdfOutput::add_floats(std::string const& name,
                             std::vector<int> const& dimensions,
                             std::vector<size_t> const& chunk) {
  std::lock_guard const lock(hdf5_lock());
  auto const variable = add(name, NC_FLOAT, dimensions);
  auto const what = concat("variable '", name, "'");
  auto const nothing = std::numeric_limits<float>::quiet_NaN();
  check(nc_def_var_fill(id_, variable, NC_FILL, &nothing), what);
  check(nc_def_var_chunking(id_, variable, NC_CHUNKED, chunk.data()), what);
  check(nc_def_var_deflate(id_, variable, NC_SHUFFLE, /*deflate=*/1, kFastest), what);
  return variable;
}

void NetcdfOutput::describe(int variable, std::string const& attribute, std::string const& text) {
  std::lock_guard const lock(hdf5_lock());
  auto const of = variable == kWholeFile ? NC_GLOBAL : variable;
  check(nc_put_att_text(id_, of, attribute.c_str(), text.size(), text.c_str()),
        concat("attribute '", attribute, "'"));
}

void NetcdfOutput::put(int variable, std::vector<double> const& values) {
  std::lock_guard const lock(hdf5_lock());
  check(nc_put_var_double(id_, variable, values.data()), "coordinates");
}

void NetcdfOutput::put(int variable,
                       std::vector<size_t> const& start,
                       std::vector<size_t> const& count,
                       float const* values) {
  std::lock_guard const lock(hdf5_lock());
  check(nc_put_vara_float(id_, variable, start.data(), count.data(), values), "values");
}

void NetcdfOutput::close() {
  std::lock_guard const lock(hdf5_lock());
  auto const status = nc_close(id_);
  id_ = -1;
  if (status != NC_NOERR) {
    note_hdf5_damage();
  }
  check(status, "the end");
}

}  // namespace eddyline
