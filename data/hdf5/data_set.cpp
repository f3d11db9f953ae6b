#include "data/hdf5/data_set.hpp"

#include <array>
#include <limits>
#include <mutex>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/hdf5/library.hpp"
#include "data/hdf5/lzf.hpp"

namespace eddyline {
namespace {

constexpr int64_t kLargestWholeRead = int64_t{1} << 30;

/// The type of elements in memory, for reading and writing tensors.
Hdf5Handle memory_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return Hdf5Handle(H5Tcopy(H5T_NATIVE_FLOAT));
    case at::kDouble:
      return Hdf5Handle(H5Tcopy(H5T_NATIVE_DOUBLE));
    case at::kLong:
      return Hdf5Handle(H5Tcopy(H5T_NATIVE_INT64));
    case at::kInt:
      return Hdf5Handle(H5Tcopy(H5T_NATIVE_INT32));
    case at::kShort:
      return Hdf5Handle(H5Tcopy(H5T_NATIVE_INT16));
    case at::kByte:
      return Hdf5Handle(H5Tcopy(H5T_NATIVE_UINT8));
    case at::kChar:
      return Hdf5Handle(H5Tcopy(H5T_NATIVE_INT8));
    case at::kBool:
      return make_boolean_type();
    default:
      EDDYLINE_ENSURE(false, "no HDF5 type for ", c10::toString(type));
      return {};
  }
}

std::vector<hsize_t> extents(std::vector<int64_t> const& values) {
  return {values.begin(), values.end()};
}

Hdf5Handle transfer_list(Transfer transfer) {
  Hdf5Handle list(H5Pcreate(H5P_DATASET_XFER));
  if (transfer == Transfer::collective) {
    H5Pset_dxpl_mpio(list.id(), H5FD_MPIO_COLLECTIVE);
  }
  return list;
}

/// Memory of the shape that is selected in the file: HDF5 compares the two, and walks through all
/// elements one by one where they differ (a tenth of the speed).
Hdf5Handle memory_space(std::vector<int64_t> const& count) {
  auto const shape = count.empty() ? std::vector<hsize_t>{1} : extents(count);
  Hdf5Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr));
  if (std::find(shape.begin(), shape.end(), hsize_t{0}) != shape.end()) {
    H5Sselect_none(space.id());
  }
  return space;
}

}  // namespace

int64_t Hyperslab::elements() const {
  int64_t product = 1;
  for (auto const n : count) {
    product *= n;
  }
  return product;
}

Hdf5DataSet::Hdf5DataSet(Hdf5Handle handle, Hdf5Place place)
    : Hdf5Object(std::move(handle), std::move(place)) {
  std::lock_guard const lock(hdf5_lock());
  Hdf5Handle const space(H5Dget_space(id()));
  std::array<hsize_t, H5S_MAX_RANK> extent{};
  auto const rank =
      space.is_open() ? H5Sget_simple_extent_dims(space.id(), extent.data(), nullptr) : -1;
  require(rank >= 0, "cannot read the shape of ", place_.describe(), ": ", take_hdf5_errors());
  require(H5Sget_simple_extent_type(space.id()) != H5S_NULL,
          place_.describe(),
          " is empty: it has no shape");
  shape_.assign(extent.begin(), extent.begin() + rank);
  if (place_.file_bytes >= 0) {
    check_extents();
  }
}

int64_t Hdf5DataSet::elements() const {
  return Hyperslab{.first = {}, .count = shape_, .stride = {}}.elements();
}

int64_t Hdf5DataSet::element_bytes() const {
  std::lock_guard const lock(hdf5_lock());
  Hdf5Handle const type(H5Dget_type(id()));
  return static_cast<int64_t>(H5Tget_size(type.id()));
}

int64_t Hdf5DataSet::stored_bytes() const {
  std::lock_guard const lock(hdf5_lock());
  return static_cast<int64_t>(H5Dget_storage_size(id()));
}

bool Hdf5DataSet::holds_numbers() const {
  std::lock_guard const lock(hdf5_lock());
  Hdf5Handle const type(H5Dget_type(id()));
  auto const kind = H5Tget_class(type.id());
  return kind == H5T_INTEGER || kind == H5T_FLOAT || kind == H5T_ENUM;
}

std::string Hdf5DataSet::type_name() const {
  std::lock_guard const lock(hdf5_lock());
  Hdf5Handle const type(H5Dget_type(id()));
  auto const bits = 8 * H5Tget_size(type.id());
  switch (H5Tget_class(type.id())) {
    case H5T_FLOAT:
      return concat("float", bits);
    case H5T_INTEGER:
      return concat(H5Tget_sign(type.id()) == H5T_SGN_NONE ? "uint" : "int", bits);
    case H5T_ENUM:
      return H5Tequal(type.id(), make_boolean_type().id()) > 0 ? "boolean" : "enumeration";
    case H5T_STRING:
      return "text";
    default:
      return "other";
  }
}

Hdf5Handle Hdf5DataSet::select(Hyperslab const& part) const {
  auto const axes = shape_.size();
  bool fits = part.first.size() == axes && part.count.size() == axes &&
              (part.stride.empty() || part.stride.size() == axes);
  for (size_t a = 0; fits && a < axes; ++a) {
    auto const stride = part.stride.empty() ? 1 : part.stride[a];
    fits = part.first[a] >= 0 && part.count[a] >= 0 && stride >= 1 &&
           (part.count[a] == 0 || part.first[a] + (part.count[a] - 1) * stride < shape_[a]);
  }
  require(fits,
          "the part from (",
          part.first,
          ") of (",
          part.count,
          ") elements does not fit ",
          place_.describe(),
          " of shape ",
          "(",
          shape_,
          ")");
  Hdf5Handle space(H5Dget_space(id()));
  if (axes == 0) {
    return space;
  }
  if (part.elements() == 0) {
    H5Sselect_none(space.id());
    return space;
  }
  auto const stride = extents(part.stride.empty() ? std::vector<int64_t>(axes, 1) : part.stride);
  H5Sselect_hyperslab(space.id(),
                      H5S_SELECT_SET,
                      extents(part.first).data(),
                      stride.data(),
                      extents(part.count).data(),
                      nullptr);
  return space;
}

int64_t Hdf5DataSet::read(Hyperslab const& part, at::Tensor const& out, Transfer transfer) const {
  std::lock_guard const lock(hdf5_lock());
  auto const space = select(part);
  // Handles outlive the message: closing one clears HDF5's reasons.
  auto const memory = memory_space(part.count);
  auto const list = transfer_list(transfer);
  EDDYLINE_ENSURE(out.is_contiguous() && out.device().is_cpu() && out.numel() == part.elements(),
                  place_.describe());
  require(
      holds_numbers(), place_.describe(), " holds ", type_name(), " where numbers are expected");
  // An enumeration converts to its like only: booleans are read as themselves and converted here.
  Hdf5Handle const file_type(H5Dget_type(id()));
  bool const by_integer =
      (H5Tget_class(file_type.id()) == H5T_ENUM) != (out.scalar_type() == at::kBool);
  if (by_integer) {
    auto const bytes = at::empty({out.numel()}, at::TensorOptions(at::kLong));
    Hdf5Handle const native(H5Tget_native_type(file_type.id(), H5T_DIR_ASCEND));
    bool const is_enumeration = H5Tget_class(native.id()) == H5T_ENUM;
    Hdf5Handle const integer(is_enumeration ? H5Tget_super(native.id())
                                            : H5Tcopy(H5T_NATIVE_INT64));
    bool const done = H5Dread(id(),
                              is_enumeration ? native.id() : integer.id(),
                              memory.id(),
                              space.id(),
                              list.id(),
                              bytes.data_ptr()) >= 0 &&
                      H5Tconvert(integer.id(),
                                 H5T_NATIVE_INT64,
                                 static_cast<size_t>(out.numel()),
                                 bytes.data_ptr(),
                                 nullptr,
                                 H5P_DEFAULT) >= 0;
    require(done, "cannot read ", place_.describe(), ": ", take_hdf5_errors());
    out.view({-1}).copy_(out.scalar_type() == at::kBool ? bytes.ne(0) : bytes);
    return part.elements() * element_bytes();
  }
  auto const type = memory_type(out.scalar_type());
  bool const done =
      H5Dread(id(), type.id(), memory.id(), space.id(), list.id(), out.data_ptr()) >= 0;
  require(done,
          "cannot read ",
          place_.describe(),
          ": ",
          take_hdf5_errors(),
          "; the file may be damaged");
  return part.elements() * element_bytes();
}

at::Tensor Hdf5DataSet::read_all(at::ScalarType type) const {
  auto const count = elements();
  require(count <= kLargestWholeRead / 8,
          place_.describe(),
          " has ",
          count,
          " elements: too large to be read at once");
  auto out = at::empty(shape_, at::TensorOptions(type));
  read({.first = std::vector<int64_t>(shape_.size(), 0), .count = shape_, .stride = {}}, out);
  return out;
}

std::vector<double> Hdf5DataSet::read_numbers() const {
  auto const values = read_all(at::kDouble);
  auto const* const first = values.const_data_ptr<double>();
  return {first, first + values.numel()};
}

void Hdf5DataSet::write(Hyperslab const& part, at::Tensor const& values, Transfer transfer) const {
  std::lock_guard const lock(hdf5_lock());
  auto const space = select(part);
  EDDYLINE_ENSURE(
      values.is_contiguous() && values.device().is_cpu() && values.numel() == part.elements(),
      place_.describe());
  // As in read().
  auto const type = memory_type(values.scalar_type());
  auto const memory = memory_space(part.count);
  auto const list = transfer_list(transfer);
  bool const done =
      H5Dwrite(id(), type.id(), memory.id(), space.id(), list.id(), values.const_data_ptr()) >= 0;
  expect_machine(done, "cannot write ", place_.describe(), ": ", take_hdf5_errors());
}

void Hdf5DataSet::write_all(at::Tensor const& values, Transfer transfer) const {
  write({.first = std::vector<int64_t>(shape_.size(), 0), .count = shape_, .stride = {}},
        values,
        transfer);
}

Hdf5DataSet create_data_set(Hdf5Object const& parent,
                            std::string const& name,
                            DataSetLayout const& layout) {
  std::lock_guard const lock(hdf5_lock());
  auto const place = parent.place().child(name);
  Hdf5Handle const creation(H5Pcreate(H5P_DATASET_CREATE));
  if (!layout.chunk.empty()) {
    H5Pset_chunk(
        creation.id(), static_cast<int>(layout.chunk.size()), extents(layout.chunk).data());
    // Every element is written before the file gets its name: filling first would write twice.
    H5Pset_fill_time(creation.id(), H5D_FILL_TIME_NEVER);
  }
  if (layout.packing == DataSetLayout::Packing::lzf) {
    H5Pset_filter(creation.id(), kLzfFilter, H5Z_FLAG_OPTIONAL, 0, nullptr);
  }
  if (layout.gzip > 0) {
    H5Pset_deflate(creation.id(), static_cast<unsigned>(layout.gzip));
  }
  auto const shape = extents(layout.shape);
  Hdf5Handle const space(
      shape.empty() ? H5Screate(H5S_SCALAR)
                    : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr));
  // Chunks go straight to the file: one that cannot be written fails here and now, where the
  // library would else keep it, fail to close the data set and crash at its end (HDF5 1.10.8).
  Hdf5Handle const access(H5Pcreate(H5P_DATASET_ACCESS));
  H5Pset_chunk_cache(access.id(), 0, 0, H5D_CHUNK_CACHE_W0_DEFAULT);
  Hdf5Handle data_set(H5Dcreate2(parent.id(),
                                 name.c_str(),
                                 memory_type(layout.type).id(),
                                 space.id(),
                                 H5P_DEFAULT,
                                 creation.id(),
                                 access.id()));
  expect_machine(data_set.is_open(), "cannot create ", place.describe(), ": ", take_hdf5_errors());
  return Hdf5DataSet(std::move(data_set), place);
}

}  // namespace eddyline
