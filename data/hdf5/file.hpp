#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "data/hdf5/data_set.hpp"

namespace eddyline {

/// A folder of data sets and groups inside a file.
class Hdf5Group : public Hdf5Object {
 public:
  Hdf5Group(Hdf5Handle handle, Hdf5Place place);

  /// What it holds, in alphabetical order.
  std::vector<std::string> groups() const;
  std::vector<std::string> data_sets() const;
  bool has_group(std::string const& name) const;
  bool has_data_set(std::string const& name) const;
  /// `name` may be a path: "grid/x". \throw Error  naming what is there, the nearest name first
  Hdf5Group open_group(std::string const& name) const;
  /// \throw Error  also if the data set's extents cannot be true for a file of this size
  Hdf5DataSet open_data_set(std::string const& name) const;

  /// Collective on a file that several ranks write. \throw Failure
  Hdf5Group create_group(std::string const& name) const;
  Hdf5DataSet create_data_set(std::string const& name, DataSetLayout const& layout) const;
  /// A new data set of the tensor's shape and type that holds its values.
  Hdf5DataSet write_tensor(std::string const& name, at::Tensor const& values) const;

 private:
  enum class Kind { none, group, data_set, other };
  Kind kind_of(std::string const& name) const;
  std::vector<std::string> names(Kind kind) const;
};

/// True if the file begins as HDF5 files do (also behind a user block). False if it cannot be read.
bool is_hdf5_file(std::filesystem::path const& path);

/// Refuses what is not a whole HDF5 file before the library parses it: missing, a folder, empty,
/// another format, or shorter than its superblock says.
/// \throw Error  naming the file, what it is and what to do
void check_hdf5_file(std::filesystem::path const& path);

/// An HDF5 file; as a group it is its root.
class Hdf5File final : public Hdf5Group {
 public:
  /// To read, by this rank alone. \throw Error  as check_hdf5_file, or in HDF5's words
  static Hdf5File open(std::filesystem::path const& path);
  /// To read by all ranks together (MPI-IO). Collective; if one rank fails, all throw.
  static Hdf5File open(std::filesystem::path const& path, Communicator const& ranks);
  /// New, to write; replaces what is there. \throw Failure
  static Hdf5File create(std::filesystem::path const& path);
  /// The same by all ranks together. Collective.
  static Hdf5File create(std::filesystem::path const& path, Communicator const& ranks);

  /// New, kept in memory until save(): when the disk is full HDF5 never sees it. (1.10 cannot close
  /// a file that it failed to write, and then dies at the end of the program.)
  /// \param bytes  of numbers that it will hold, about; it grows by as many
  static Hdf5File create_in_memory(std::string const& name, int64_t bytes = 0);
  /// Writes a file kept in memory to `path`. \throw Failure  with the system's reason (disk full,
  /// …)
  void save(std::filesystem::path const& path);

  Hdf5File(Hdf5File&&) = default;
  Hdf5File& operator=(Hdf5File&&) = default;
  /// Closes it (collective where opening was), without a word if that fails: see close().
  ~Hdf5File();

  /// Writes what is still in memory to the disk. Collective where opening was. \throw Failure
  void flush();
  /// Ends work with the file; objects opened in it must be gone. Collective where opening was.
  /// \throw Failure  if what was still in memory cannot be written
  void close();

 private:
  Hdf5File(Hdf5Handle file, Hdf5Handle root, Hdf5Place place);
  Hdf5Handle file_;
};

}  // namespace eddyline
