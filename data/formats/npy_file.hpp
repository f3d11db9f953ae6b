#pragma once

#include <cstddef>
#include <filesystem>
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

/// Reads the header of format version 1, 2 or 3. It is parsed, never evaluated.
/// \param bytes  the file's beginning: all of the header is in it
/// \throw Error  saying what is wrong: no npy file, objects or structures inside, a damaged header
NpyHeader parse_npy_header(std::string const& bytes);

/// One array in an npy file, mapped into memory: reading a part touches its pages only.
class NpyFile final : public ArraySource {
 public:
  /// \throw Error  naming the file, also if it is shorter than its header says
  explicit NpyFile(std::filesystem::path const& path);
  ~NpyFile() override;
  NpyFile(NpyFile const&) = delete;
  NpyFile& operator=(NpyFile const&) = delete;

  std::vector<int64_t> const& shape() const override { return header_.shape; }
  int64_t element_bytes() const override { return header_.item_bytes; }
  std::string type_name() const override;
  std::string describe() const override;
  int64_t read(Hyperslab const& part, at::Tensor const& out) override;

 private:
  std::filesystem::path path_;
  NpyHeader header_;
  std::vector<int64_t> strides_;  ///< in elements
  void* map_ = nullptr;
  size_t map_bytes_ = 0;
};

}  // namespace eddyline
