#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace eddyline {

/// A file as memory, read-only: its pages are read when they are touched.
class MappedFile final {
 public:
  /// \throw Error    if there is no such file or it cannot be opened
  /// \throw Failure  if the machine cannot map it
  explicit MappedFile(std::filesystem::path const& path);
  ~MappedFile();
  MappedFile(MappedFile const&) = delete;
  MappedFile& operator=(MappedFile const&) = delete;

  std::span<std::byte const> bytes() const { return {static_cast<std::byte const*>(map_), size_}; }

 private:
  void* map_ = nullptr;
  size_t size_ = 0;
};

}  // namespace eddyline
