#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/atomic_file.hpp"

namespace eddyline {

/// Little-endian bytes of a number, of 1 to 8 bytes.
std::string little_endian(uint64_t value, int bytes);

/// A file that is written front to back and appears under its name at commit().
class ByteWriter {
 public:
  /// \throw Failure  if the folder of `path` does not exist
  explicit ByteWriter(std::filesystem::path const& path);

  /// Bytes written so far.
  uint64_t position() const { return position_; }
  void write(void const* data, uint64_t bytes);
  void write(std::string const& bytes) { write(bytes.data(), bytes.size()); }
  /// \throw Failure  if something could not be written: the disk is full
  void commit();

 private:
  std::filesystem::path path_;
  AtomicFile file_;
  std::ofstream out_;
  uint64_t position_ = 0;
};

}  // namespace eddyline
