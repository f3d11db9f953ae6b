#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace eddyline {

/// Bytes in front of the HDF5 part of a native checkpoint: an HDF5 user block holding text.
constexpr int64_t kEnvelopeBytes = 512;

/// A file that appears under its name only when it is whole: written beside it, sealed, synced and
/// renamed by commit(). A writer killed before leaves what was there.
class SealedFile {
 public:
  explicit SealedFile(std::filesystem::path path);
  ~SealedFile();
  SealedFile(SealedFile const&) = delete;
  SealedFile& operator=(SealedFile const&) = delete;

  /// Where to write the HDF5 file, with a user block of kEnvelopeBytes.
  std::filesystem::path const& temporary() const { return temporary_; }
  /// Fills the block with magic, version, length and CRC-32 of the rest; syncs and renames.
  /// \throw Failure  if the file system refuses
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
};

/// Compares the block with the file.
/// \throw Error  if the file is missing, foreign, of a later version, truncated or damaged
void verify_seal(std::filesystem::path const& path);

/// True if the file begins with the magic line.
bool has_seal(std::filesystem::path const& path);

}  // namespace eddyline
