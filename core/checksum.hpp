#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace eddyline {

/// 64-bit checksum of a stream of bytes, for recognising files and finding damage (not against an
/// adversary). Source: XXH64, "xxHash fast digest algorithm", format specification 0.1.1.
class Checksum {
 public:
  explicit Checksum(uint64_t seed = 0);
  void update(std::span<std::byte const> bytes);
  void update(void const* data, size_t bytes);
  /// Of all bytes so far.
  uint64_t value() const;

 private:
  void consume(std::byte const* stripe);

  std::array<uint64_t, 4> lanes_;
  std::array<std::byte, 32> pending_;
  uint64_t seed_;
  uint64_t total_ = 0;
};

uint64_t checksum(std::string const& bytes);
/// Of a file's content. \throw Error  if it cannot be read
uint64_t checksum_file(std::filesystem::path const& path);
/// CRC-32C (Castagnoli) of bytes, as TensorFlow's record files carry it. Source: RFC 3720, B.4.
uint32_t crc32c(std::string_view bytes);
/// Sixteen hexadecimal digits.
std::string checksum_text(uint64_t value);

}  // namespace eddyline
