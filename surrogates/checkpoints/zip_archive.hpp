#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace eddyline {

/// Entries of a zip file that are stored, not compressed, as torch.save writes them (zip64 too).
/// Every offset and size is checked against the file before use, and the CRC-32 of what is read.
class ZipArchive {
 public:
  /// \throw Error  if the file is missing, no zip file, or one whose directory does not add up
  explicit ZipArchive(std::filesystem::path path);

  /// Names and bytes of all entries; of a compressed one, those that it takes in the file.
  std::map<std::string, int64_t> entries() const;
  /// Bytes of the entry; -1 if there is none.
  int64_t size_of(std::string const& name) const;
  /// Reads the first `bytes` of the entry.
  /// \throw Error  if there is no such entry, it is shorter, compressed, encrypted or damaged
  void read(std::string const& name, void* out, int64_t bytes);
  std::string read_text(std::string const& name, int64_t most_bytes);

 private:
  struct Entry {
    int64_t header = 0;  ///< offset of the local header
    int64_t bytes = 0;
    uint32_t crc = 0;
    uint16_t method = 0;
    uint16_t flags = 0;
  };

  void read_directory();
  std::string bytes_at(int64_t offset, int64_t count);

  std::filesystem::path path_;
  std::ifstream file_;
  int64_t file_bytes_ = 0;
  std::map<std::string, Entry> entries_;
};

}  // namespace eddyline
