#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace eddyline {

/// Bytes of a pickle, front to back. Every read is checked and throws Error at the end of the
/// bytes.
class ByteReader {
 public:
  /// \param bytes  must outlive this object
  explicit ByteReader(std::string const& bytes) : bytes_(bytes) {}

  uint8_t byte();
  std::string_view view(uint64_t count);
  /// Little-endian and unsigned, of 1 to 8 bytes.
  uint64_t number(int bytes);
  double big_endian_double();
  /// Up to the next line feed, which is taken too; at most 255 bytes.
  std::string line();
  /// A length of one byte, then two's complement of up to 8 bytes.
  int64_t long_integer();
  size_t position() const { return at_; }

 private:
  std::string const& bytes_;
  size_t at_ = 0;
};

}  // namespace eddyline
