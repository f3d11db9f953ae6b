#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/hdf5/attributes.hpp"

namespace eddyline {

/// Part of an array: on every axis `count` elements from `first`, `stride` apart.
struct Hyperslab {
  std::vector<int64_t> first;
  std::vector<int64_t> count;
  std::vector<int64_t> stride;  ///< empty: 1 everywhere

  int64_t elements() const;
};

/// Whether ranks act on a data set alone or together (files opened by several ranks only).
enum class Transfer { independent, collective };

/// How a new data set is stored.
struct DataSetLayout {
  std::vector<int64_t> shape;
  at::ScalarType type = at::kFloat;  ///< float, double, integers; bool becomes h5py's enumeration
  std::vector<int64_t> chunk;        ///< empty: contiguous
  int gzip = 0;  ///< 0 none, 1 … 9; needs chunks; written by several ranks it must be collective
  enum class Packing { none, lzf } packing = Packing::none;
};

/// An array in a file, opened. What the file claims was checked against the file's size.
class Hdf5DataSet final : public Hdf5Object {
 public:
  /// Opened by Hdf5Group::open_data_set. \throw Error  if its extents cannot be true
  Hdf5DataSet(Hdf5Handle handle, Hdf5Place place);

  std::vector<int64_t> const& shape() const { return shape_; }
  int64_t dimensions() const { return static_cast<int64_t>(shape_.size()); }
  int64_t elements() const;
  /// Bytes of an element in the file.
  int64_t element_bytes() const;
  /// Bytes that it takes in the file, after compression.
  int64_t stored_bytes() const;
  /// True for floats, integers and booleans.
  bool holds_numbers() const;
  /// "float32", "int64", "boolean", "text", "other".
  std::string type_name() const;
  /// "contiguous", "chunks 1, 1, 32, 24, gzip", "virtual".
  std::string storage() const;

  /// Reads a part into `out`: contiguous, on the host, of as many elements; values are converted to
  /// its type (float, double, int64, int32, uint8 or bool). \return  bytes of the file's elements
  /// that were asked for \throw Error  naming the data set, its shape and the part, if it does not
  /// fit or cannot be read
  int64_t read(Hyperslab const& part,
               at::Tensor const& out,
               Transfer transfer = Transfer::independent) const;
  /// All of it, as `type`. \throw Error  if it is larger than 1 GiB
  at::Tensor read_all(at::ScalarType type) const;
  /// All of it as doubles, row-major.
  std::vector<double> read_numbers() const;
  using Hdf5Object::read_numbers;

  /// Writes `values` (contiguous, on the host) to a part; an empty part takes part in a collective
  /// write. \throw Failure  if HDF5 cannot write (disk full)
  void write(Hyperslab const& part,
             at::Tensor const& values,
             Transfer transfer = Transfer::independent) const;
  void write_all(at::Tensor const& values, Transfer transfer = Transfer::independent) const;

 private:
  void check_extents() const;
  Hdf5Handle select(Hyperslab const& part) const;
  std::vector<int64_t> shape_;
};

/// Creates a data set. Collective on a file that several ranks write. \throw Failure
Hdf5DataSet create_data_set(Hdf5Object const& parent,
                            std::string const& name,
                            DataSetLayout const& layout);

}  // namespace eddyline
