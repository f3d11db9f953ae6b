#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace eddyline {

/// A file that appears whole or not at all: written under another name, synced, then renamed.
/// What a killed process leaves behind is `<name>.tmp`; the next write replaces it.
/// On several ranks one rank owns the object; the others may open `temporary_name(path)`.
class AtomicFile {
 public:
  /// Nothing is created yet. \throw Failure  if the folder of `path` does not exist
  explicit AtomicFile(std::filesystem::path path);
  AtomicFile(AtomicFile const&) = delete;
  AtomicFile& operator=(AtomicFile const&) = delete;
  /// Removes the temporary file unless it was committed.
  ~AtomicFile();

  /// Where to write; close the file before commit().
  std::filesystem::path const& temporary() const { return temporary_; }
  static std::filesystem::path temporary_name(std::filesystem::path const& path);

  /// Syncs file and folder and renames. \throw Failure  with the system's reason
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

/// Replaces the file by `text`, atomically. \throw Failure  with the system's reason (disk full, …)
void write_text(std::filesystem::path const& path, std::string const& text);

/// Puts `text` before the end `tail` of a file, in place and in one write: for a file that grows
/// for long, which would cost more each time if it were written anew. \return        false, and
/// nothing is done, if there is no such file or it ends otherwise \throw Failure  with the system's
/// reason; the file is as it was then
bool insert_before_tail(std::filesystem::path const& path,
                        std::string const& text,
                        std::string const& tail);

/// The whole file. \throw Error  if it does not exist, is no file, or holds more than `most_bytes`
std::string read_text(std::filesystem::path const& path, int64_t most_bytes);

/// Makes `link` point to `target`, replacing an older link by rename. \throw Failure
void replace_link(std::filesystem::path const& target, std::filesystem::path const& link);

}  // namespace eddyline
