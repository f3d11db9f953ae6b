#include "surrogates/checkpoints/byte_writer.hpp"

#include <cerrno>
#include <cstring>

#include "core/error.hpp"

namespace eddyline {

std::string little_endian(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) {
    text += static_cast<char>(value >> 8 * i);
  }
  return text;
}

ByteWriter::ByteWriter(std::filesystem::path const& path)
    : path_(path), file_(path), out_(file_.temporary(), std::ios::binary | std::ios::trunc) {}

void ByteWriter::write(void const* data, uint64_t bytes) {
  out_.write(static_cast<char const*>(data), static_cast<std::streamsize>(bytes));
  expect_machine(out_.good(), "cannot write '", path_.string(), "': ", std::strerror(errno));
  position_ += bytes;
}

void ByteWriter::commit() {
  out_.close();
  expect_machine(out_.good(), "cannot write '", path_.string(), "': ", std::strerror(errno));
  file_.commit();
}

}  // namespace eddyline
