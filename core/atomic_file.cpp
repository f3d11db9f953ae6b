#include "core/atomic_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "core/error.hpp"

namespace eddyline {
namespace {

[[noreturn]] void fail(std::string const& action, std::filesystem::path const& path, int code) {
  auto const* hint = code == ENOSPC || code == EDQUOT || code == EFBIG
                         ? "; free space or choose another folder"
                         : "";
  throw Failure(concat("cannot ", action, " '", path.string(), "': ", std::strerror(code), hint));
}

/// An open file descriptor.
class Descriptor {
 public:
  Descriptor(std::filesystem::path const& path, int flags, std::string const& action)
      : number_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (number_ < 0) {
      fail(action, path, errno);
    }
  }
  Descriptor(Descriptor const&) = delete;
  Descriptor& operator=(Descriptor const&) = delete;
  ~Descriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  int number() const { return number_; }
  /// Closes now, because some file systems report a full disk only then.
  int close() { return ::close(std::exchange(number_, -1)); }

 private:
  int number_;
};

void sync(std::filesystem::path const& path) {
  Descriptor const file(path, O_RDONLY, "sync");
  // File systems without fsync say EINVAL; there is nothing to wait for then.
  if (::fsync(file.number()) != 0 && errno != EINVAL) {
    fail("sync", path, errno);
  }
}

std::filesystem::path folder_of(std::filesystem::path const& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

void rename_in_place(std::filesystem::path const& from, std::filesystem::path const& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    fail("replace", to, errno);
  }
  sync(folder_of(to));
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path)
    : path_(std::move(path)), temporary_(temporary_name(path_)) {
  std::error_code code;
  expect_machine(std::filesystem::is_directory(folder_of(path_), code),
                 "cannot write '",
                 path_.string(),
                 "': there is no folder '",
                 folder_of(path_).string(),
                 "'");
}

std::filesystem::path AtomicFile::temporary_name(std::filesystem::path const& path) {
  return path.string() + ".tmp";
}

AtomicFile::~AtomicFile() {
  if (!committed_) {
    std::error_code ignored;
    std::filesystem::remove(temporary_, ignored);
  }
}

void AtomicFile::commit() {
  sync(temporary_);
  rename_in_place(temporary_, path_);
  committed_ = true;
}

void write_text(std::filesystem::path const& path, std::string const& text) {
  AtomicFile file(path);
  {
    Descriptor out(file.temporary(), O_WRONLY | O_CREAT | O_TRUNC, "write");
    for (size_t done = 0; done < text.size();) {
      auto const written = ::write(out.number(), text.data() + done, text.size() - done);
      if (written < 0 && errno != EINTR) {
        fail("write", path, errno);
      }
      done += written > 0 ? static_cast<size_t>(written) : 0;
    }
    if (out.close() != 0) {
      fail("write", path, errno);
    }
  }
  file.commit();
}

bool insert_before_tail(std::filesystem::path const& path,
                        std::string const& text,
                        std::string const& tail) {
  if (!std::filesystem::exists(path)) {
    return false;
  }
  Descriptor const file(path, O_RDWR, "write");
  auto const end = ::lseek(file.number(), 0, SEEK_END);
  auto const place = end - static_cast<off_t>(tail.size());
  std::string found(tail.size(), '\0');
  if (place < 0 ||
      ::pread(file.number(), found.data(), found.size(), place) !=
          static_cast<ssize_t>(found.size()) ||
      found != tail) {
    return false;
  }
  auto const whole = text + tail;
  auto const written = ::pwrite(file.number(), whole.data(), whole.size(), place);
  if (written != static_cast<ssize_t>(whole.size())) {
    auto const code = written < 0 ? errno : ENOSPC;
    // The old end has its place on the disk already.
    if (::pwrite(file.number(), tail.data(), tail.size(), place) < 0 ||
        ::ftruncate(file.number(), end) != 0) {
      fail("repair", path, errno);
    }
    fail("write", path, code);
  }
  if (::fsync(file.number()) != 0 && errno != EINVAL) {
    fail("sync", path, errno);
  }
  return true;
}

std::string read_text(std::filesystem::path const& path, int64_t most_bytes) {
  std::error_code code;
  auto const status = std::filesystem::status(path, code);
  require(std::filesystem::exists(status), "there is no file '", path.string(), "'");
  require(!std::filesystem::is_directory(status), "'", path.string(), "' is a folder, not a file");
  std::ifstream in(path, std::ios::binary);
  require(in.is_open(), "cannot read '", path.string(), "': ", std::strerror(errno));
  std::string text;
  std::array<char, 65536> chunk;
  while (in.read(chunk.data(), chunk.size()), in.gcount() > 0) {
    text.append(chunk.data(), static_cast<size_t>(in.gcount()));
    require(static_cast<int64_t>(text.size()) <= most_bytes,
            "'",
            path.string(),
            "' is too large: at most ",
            most_bytes,
            " bytes are read from such a file");
  }
  return text;
}

void replace_link(std::filesystem::path const& target, std::filesystem::path const& link) {
  auto const temporary = AtomicFile::temporary_name(link);
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);
  if (::symlink(target.c_str(), temporary.c_str()) != 0) {
    fail("link", link, errno);
  }
  rename_in_place(temporary, link);
}

}  // namespace eddyline
