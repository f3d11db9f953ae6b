#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/hdf5/handle.hpp"

namespace eddyline {

/// A boolean in a file.
enum class Flag : int8_t { no = 0, yes = 1 };

/// What groups and data sets share: a place and attributes. Reading accepts what h5py, MATLAB and
/// the C library write: variable or fixed strings, one string for a list of one, numbers of any
/// width, shape () or (1) for a scalar, and h5py's empty list (float64 of no elements) for a list
/// of strings.
class Hdf5Object {
 public:
  Hdf5Place const& place() const { return place_; }
  hid_t id() const { return handle_.id(); }

  bool has_attribute(std::string const& name) const;
  std::vector<std::string> attribute_names() const;
  /// The next six throw Error naming file, object and attribute if it is missing, of another type,
  /// or larger than 16 MiB.
  std::string read_text(std::string const& name) const;
  std::vector<std::string> read_texts(std::string const& name) const;
  double read_number(std::string const& name) const;
  std::vector<double> read_numbers(std::string const& name) const;
  int64_t read_integer(std::string const& name) const;
  Flag read_flag(std::string const& name) const;
  /// True if the attribute holds numbers (or booleans), so that read_numbers will do.
  bool is_number(std::string const& name) const;

  /// Writing: scalars have shape (), lists shape (n). An empty list of texts is written as h5py
  /// does. Collective on a file that several ranks write. \throw Failure  if HDF5 cannot write
  void write_text(std::string const& name, std::string const& value) const;
  void write_texts(std::string const& name, std::vector<std::string> const& values) const;
  void write_number(std::string const& name, double value) const;
  void write_numbers(std::string const& name, std::vector<double> const& values) const;
  void write_integer(std::string const& name, int64_t value) const;
  void write_flag(std::string const& name, Flag value) const;
  void write_flags(std::string const& name, std::vector<Flag> const& values) const;

 protected:
  Hdf5Object(Hdf5Handle handle, Hdf5Place place);
  Hdf5Handle handle_;
  Hdf5Place place_;
};

}  // namespace eddyline
