#include "surrogates/checkpoints/byte_reader.hpp"

#include <cstring>

#include "core/error.hpp"

namespace eddyline {

uint8_t ByteReader::byte() {
  return static_cast<uint8_t>(view(1)[0]);
}

std::string_view ByteReader::view(uint64_t count) {
  require(count <= bytes_.size() - at_, "the pickle ends too early");
  auto const part = std::string_view(bytes_).substr(at_, count);
  at_ += count;
  return part;
}

uint64_t ByteReader::number(int bytes) {
  auto const part = view(static_cast<uint64_t>(bytes));
  uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; --i) {
    value = value << 8 | static_cast<uint8_t>(part[static_cast<size_t>(i)]);
  }
  return value;
}

double ByteReader::big_endian_double() {
  uint64_t bits = 0;
  for (char const c : view(8)) {
    bits = bits << 8 | static_cast<uint8_t>(c);
  }
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

std::string ByteReader::line() {
  auto const end = bytes_.find('\n', at_);
  require(end != std::string::npos && end - at_ < 256, "the pickle ends too early");
  auto const text = std::string(view(end - at_));
  view(1);
  return text;
}

int64_t ByteReader::long_integer() {
  auto const count = byte();
  require(
      count <= 8, "the pickle holds an integer of ", int{count}, " bytes; at most 8 are expected");
  auto const value = number(count);
  bool const negative = count > 0 && count < 8 && (value >> (8 * count - 1) & 1);
  return static_cast<int64_t>(negative ? value | ~uint64_t{0} << (8 * count) : value);
}

}  // namespace eddyline
