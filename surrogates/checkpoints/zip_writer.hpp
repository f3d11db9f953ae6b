#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "surrogates/checkpoints/byte_writer.hpp"

namespace eddyline {

/// Writes a zip file of stored entries (zip64), each aligned to 64 bytes as torch.save aligns them,
/// so that torch.load can map them. The same content gives the same bytes.
class ZipWriter {
 public:
  /// \throw Failure  if the folder of `path` does not exist
  explicit ZipWriter(std::filesystem::path const& path);

  void add(std::string const& name, void const* data, uint64_t bytes);
  void add(std::string const& name, std::string const& data) {
    add(name, data.data(), data.size());
  }
  /// Writes the directory; then the file appears. \throw Failure  if the disk is full
  void commit();

 private:
  struct Entry {
    std::string name;
    uint64_t header;
    uint64_t bytes;
    uint32_t crc;
  };

  ByteWriter out_;
  std::vector<Entry> entries_;
};

}  // namespace eddyline
