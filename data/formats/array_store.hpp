#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/hdf5/data_set.hpp"

namespace eddyline {

/// One array in a file.
class ArraySource {
 public:
  virtual ~ArraySource() = default;
  virtual std::vector<int64_t> const& shape() const = 0;
  virtual int64_t element_bytes() const = 0;
  /// "float32", "int16", …
  virtual std::string type_name() const = 0;
  /// "'/u' of 'a.h5'": for messages.
  virtual std::string describe() const = 0;
  /// Reads a part into `out`: contiguous, float or double. \return  bytes of the file that were
  /// asked for
  virtual int64_t read(Hyperslab const& part, at::Tensor const& out) = 0;
};

/// Arrays by name in pieces: a file, or a group of one. All pieces hold the same arrays.
class ArrayStore {
 public:
  virtual ~ArrayStore() = default;
  virtual int64_t pieces() const = 0;
  /// "a.h5, group 0003": for messages.
  virtual std::string piece_name(int64_t piece) const = 0;
  /// Folder of the piece's file: frames of one folder are one trajectory.
  virtual std::string folder(int64_t piece) const = 0;
  virtual std::vector<std::string> files() const = 0;
  /// \throw Error  naming the file and what it has instead
  virtual std::shared_ptr<ArraySource> open(std::string const& data, int64_t piece) = 0;
};

/// All of a small array as doubles. \throw Error  if it has more than 2^24 elements
std::vector<double> read_whole(ArraySource& source);

}  // namespace eddyline
