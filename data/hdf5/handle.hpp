#pragma once

#include <cstdint>
#include <string>

#include <hdf5.h>

namespace eddyline {

/// Owns one HDF5 identifier of any kind and closes it.
class Hdf5Handle {
 public:
  Hdf5Handle() = default;
  explicit Hdf5Handle(hid_t id) : id_(id) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept;
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept;
  ~Hdf5Handle();

  hid_t id() const { return id_; }
  bool is_open() const { return id_ >= 0; }
  /// Closes it now. \return  false if HDF5 could not (a full disk shows here)
  bool close();

 private:
  hid_t id_ = -1;
};

/// Where an object is: for messages, and to judge sizes that a file claims.
struct Hdf5Place {
  std::string file;
  std::string path = "/";
  int64_t file_bytes = -1;  ///< size of a file opened to read; -1 for one that we write

  /// "'/t0_fields/density' of 'a.hdf5'"
  std::string describe() const { return "'" + path + "' of '" + file + "'"; }
  Hdf5Place child(std::string const& name) const {
    return {file, (path == "/" ? "" : path) + "/" + name, file_bytes};
  }
};

/// HDF5's type for booleans as h5py writes them: an 8-bit enumeration FALSE = 0, TRUE = 1.
Hdf5Handle make_boolean_type();

}  // namespace eddyline
