#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/zip_archive.hpp"
#include "data/formats/mapped_file.hpp"
#include "data/formats/npy_array.hpp"

namespace eddyline {

/// The arrays of an npz file by name. Those of numpy.savez are mapped: reading a part touches its
/// pages only, and no checksum. Those of numpy.savez_compressed are unpacked whole when first read
/// and kept until forget_unpacked().
class NpzFile final {
 public:
  /// \param most_unpacked  bytes that one unpacked array may take
  /// \throw Error  naming the file if it is missing, no zip file, or damaged
  explicit NpzFile(std::filesystem::path const& path, int64_t most_unpacked = int64_t{256} << 20);

  std::filesystem::path const& path() const { return path_; }
  /// In the file's order, without ".npy".
  std::vector<std::string> const& names() const { return names_; }
  bool has(std::string const& name) const;
  /// What the array's header says; unpacks no more than that.
  /// \throw Error  naming array and file: not there, damaged, objects inside
  NpyHeader header(std::string const& name);
  /// \throw Error  as header(), or if the array is shorter than its header says or too large to
  /// unpack
  NpyArray& array(std::string const& name);
  /// Memory that unpacked arrays hold.
  int64_t unpacked_bytes() const { return unpacked_bytes_; }
  void forget_unpacked();

 private:
  struct Held {
    std::vector<std::byte> unpacked;
    std::unique_ptr<NpyArray> array;
  };
  std::string describe(std::string const& name) const;

  std::filesystem::path path_;
  int64_t most_unpacked_;
  ZipArchive archive_;
  MappedFile file_;
  std::vector<std::string> names_;
  std::map<std::string, Held> held_;
  int64_t unpacked_bytes_ = 0;
};

}  // namespace eddyline
