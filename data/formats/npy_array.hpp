#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "data/formats/array_store.hpp"

namespace eddyline {

/// What the header of an npy file says.
struct NpyHeader {
  char kind = 'f';  ///< f float, i signed, u unsigned, b boolean
  int64_t item_bytes = 4;
  bool is_big_endian = false;
  bool is_fortran = false;  ///< first index fastest
  std::vector<int64_t> shape;
  int64_t data_begin = 0;  ///< byte of the first element
};

/// No header that is read is longer; numpy itself refuses beyond 10 000.
constexpr int64_t kMostNpyHeader = (1 << 16) + 12;

/// Reads the header of format version 1, 2 or 3. It is parsed, never evaluated.
/// \param bytes  the file's beginning: all of the header is in it
/// \throw Error  saying what is wrong: no npy file, objects or structures inside, a damaged header
NpyHeader parse_npy_header(std::string const& bytes);

/// One array in the bytes of an npy file, wherever they lie in memory.
class NpyArray final : public ArraySource {
 public:
  /// \param bytes  the whole file; they must outlive this object
  /// \param name   "'a.npy'", "'t' of 'a.npz'": for messages
  /// \throw Error  saying what is wrong, also if they are fewer than the header says
  NpyArray(std::span<std::byte const> bytes, std::string name);

  NpyHeader const& header() const { return header_; }
  std::vector<int64_t> const& shape() const override { return header_.shape; }
  int64_t element_bytes() const override { return header_.item_bytes; }
  std::string type_name() const override;
  std::string describe() const override { return name_; }
  int64_t read(Hyperslab const& part, at::Tensor const& out) override;

 private:
  std::string name_;
  std::span<std::byte const> bytes_;
  NpyHeader header_;
  std::vector<int64_t> strides_;  ///< in elements
};

}  // namespace eddyline
