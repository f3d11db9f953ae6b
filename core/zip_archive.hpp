#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace eddyline {

/// Entries of a zip file as torch.save and numpy.savez write them: stored or deflated, zip64 too.
/// Every offset and size is checked against the file before use, and the CRC-32 of what is read.
class ZipArchive {
 public:
  /// \throw Error  if the file is missing, no zip file, or one whose directory does not add up
  explicit ZipArchive(std::filesystem::path path);

  /// Where the bytes of an entry lie in the file.
  struct Place {
    int64_t start = 0;
    int64_t stored = 0;  ///< bytes from there on
    int64_t bytes = 0;   ///< when unpacked
    bool is_deflated = false;
  };

  /// Names and bytes of all entries, unpacked.
  std::map<std::string, int64_t> entries() const;
  /// Names in the order of the file's directory.
  std::vector<std::string> const& names() const { return names_; }
  /// \throw Error  if there is no such entry, or it is packed otherwise, encrypted or not there
  Place locate(std::string const& name);
  /// The first `bytes` of a stored or deflated entry, with its checksum where that is all of it.
  /// Memory is asked for `bytes` only. \throw Error  as locate, or if it is shorter or damaged
  std::vector<std::byte> unpack(std::string const& name, int64_t bytes);
  /// Bytes of the entry; -1 if there is none.
  int64_t size_of(std::string const& name) const;
  /// Reads the first `bytes` of a stored entry.
  /// \throw Error  if there is no such entry, it is shorter, compressed, encrypted or damaged
  void read(std::string const& name, void* out, int64_t bytes);
  std::string read_text(std::string const& name, int64_t most_bytes);

 private:
  struct Entry {
    int64_t header = 0;  ///< offset of the local header
    int64_t stored = 0;
    int64_t bytes = 0;
    uint32_t crc = 0;
    uint16_t method = 0;
    uint16_t flags = 0;
  };

  void read_directory();
  void add_entry(std::string const& name, Entry const& entry);
  Entry const& find(std::string const& name) const;
  std::string bytes_at(int64_t offset, int64_t count);
  std::vector<std::byte> inflate(std::string const& name, Place const& place, int64_t bytes);

  std::filesystem::path path_;
  std::ifstream file_;
  int64_t file_bytes_ = 0;
  std::map<std::string, Entry> entries_;
  std::vector<std::string> names_;
};

}  // namespace eddyline
