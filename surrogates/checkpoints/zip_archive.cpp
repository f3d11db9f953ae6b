#include "surrogates/checkpoints/zip_archive.hpp"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/error.hpp"

namespace eddyline {
namespace {

// Layout of the records: PKWARE APPNOTE 6.3.9, sections 4.3.7 to 4.3.16 and 4.5.3.
constexpr int64_t kLocalHeader = 30;
constexpr int64_t kCentralHeader = 46;
constexpr int64_t kEndRecord = 22;
constexpr int64_t kZip64Locator = 20;
constexpr int64_t kZip64EndRecord = 56;
constexpr int64_t kMostComment = 65535;

/// Little-endian number of `bytes` at `at`; the caller knows that it is inside.
uint64_t number(std::string const& data, int64_t at, int bytes) {
  uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; --i) {
    value = value << 8 | static_cast<unsigned char>(data[static_cast<size_t>(at + i)]);
  }
  return value;
}

/// A 64-bit number of the file as a size: anything beyond the file is refused.
int64_t bounded(uint64_t value, int64_t most) {
  require(value <= static_cast<uint64_t>(most), "its directory points outside the file");
  return static_cast<int64_t>(value);
}

struct Directory {
  int64_t offset = 0;
  int64_t bytes = 0;
};

Directory locate_directory(std::string const& tail,
                           int64_t tail_start,
                           int64_t file_bytes,
                           std::function<std::string(int64_t, int64_t)> const& bytes_at) {
  auto const end = tail.rfind("PK\x05\x06");
  require(end != std::string::npos && static_cast<int64_t>(tail.size() - end) >= kEndRecord,
          "it has no zip directory: it is truncated, or not a zip file");
  auto const at = static_cast<int64_t>(end);
  Directory directory{.offset = static_cast<int64_t>(number(tail, at + 16, 4)),
                      .bytes = static_cast<int64_t>(number(tail, at + 12, 4))};
  auto const locator = tail_start + at - kZip64Locator;
  if (locator >= 0) {
    auto const record = bytes_at(locator, kZip64Locator);
    if (record.starts_with(std::string_view("PK\x06\x07", 4))) {
      auto const where = bounded(number(record, 8, 8), file_bytes - kZip64EndRecord);
      auto const end64 = bytes_at(where, kZip64EndRecord);
      require(end64.starts_with(std::string_view("PK\x06\x06", 4)),
              "its zip64 directory is damaged");
      directory = {.offset = bounded(number(end64, 48, 8), file_bytes),
                   .bytes = bounded(number(end64, 40, 8), file_bytes)};
    }
  }
  require(directory.offset <= file_bytes && directory.bytes <= file_bytes - directory.offset,
          "its directory points outside the file");
  return directory;
}

}  // namespace

ZipArchive::ZipArchive(std::filesystem::path path)
    : path_(std::move(path)), file_(path_, std::ios::binary) {
  require(file_.good(), "cannot read '", path_.string(), "': ", std::strerror(errno));
  file_bytes_ = static_cast<int64_t>(std::filesystem::file_size(path_));
  with_context([this] { read_directory(); }, "reading '", path_.string(), "'");
}

std::string ZipArchive::bytes_at(int64_t offset, int64_t count) {
  require(offset >= 0 && count >= 0 && offset <= file_bytes_ && count <= file_bytes_ - offset,
          "it ends too early: it is truncated");
  std::string data(static_cast<size_t>(count), '\0');
  file_.clear();
  file_.seekg(offset);
  file_.read(data.data(), count);
  require(file_.gcount() == count, "it ends too early: it is truncated");
  return data;
}

void ZipArchive::read_directory() {
  auto const tail_bytes = std::min(file_bytes_, kEndRecord + kMostComment);
  auto const tail = bytes_at(file_bytes_ - tail_bytes, tail_bytes);
  auto const directory = locate_directory(
      tail, file_bytes_ - tail_bytes, file_bytes_, [this](int64_t offset, int64_t count) {
        return bytes_at(offset, count);
      });
  auto const data = bytes_at(directory.offset, directory.bytes);
  int64_t total = 0;
  for (int64_t at = 0; at + kCentralHeader <= directory.bytes;) {
    require(data.compare(static_cast<size_t>(at), 4, "PK\x01\x02") == 0,
            "its directory is damaged");
    auto const name_bytes = static_cast<int64_t>(number(data, at + 28, 2));
    auto const extra_bytes = static_cast<int64_t>(number(data, at + 30, 2));
    auto const next = at + kCentralHeader + name_bytes + extra_bytes +
                      static_cast<int64_t>(number(data, at + 32, 2));
    require(next <= directory.bytes, "its directory is damaged");
    uint64_t header = number(data, at + 42, 4);
    uint64_t bytes = number(data, at + 24, 4);
    uint64_t compressed = number(data, at + 20, 4);
    auto const method = static_cast<uint16_t>(number(data, at + 10, 2));
    auto const extra_end = at + kCentralHeader + name_bytes + extra_bytes;
    for (auto x = extra_end - extra_bytes; x + 4 <= extra_end;
         x += 4 + static_cast<int64_t>(number(data, x + 2, 2))) {
      if (number(data, x, 2) != 1) {
        continue;  // only the zip64 field matters; it holds what the 32-bit numbers could not, in
                   // this order
      }
      auto value = x + 4;
      auto const take = [&](uint64_t& target) {
        if (target == 0xFFFFFFFF && value + 8 <= extra_end) {
          target = number(data, value, 8);
          value += 8;
        }
      };
      take(bytes);
      take(compressed);
      take(header);
    }
    Entry const entry{.header = bounded(header, file_bytes_),
                      .bytes = bounded(method == 0 ? bytes : compressed, file_bytes_),
                      .crc = static_cast<uint32_t>(number(data, at + 16, 4)),
                      .method = method,
                      .flags = static_cast<uint16_t>(number(data, at + 8, 2))};
    total += entry.method == 0 ? entry.bytes : 0;
    require(total <= file_bytes_, "its entries overlap");
    auto const name =
        data.substr(static_cast<size_t>(at + kCentralHeader), static_cast<size_t>(name_bytes));
    require(entries_.emplace(name, entry).second, "it holds '", name, "' twice");
    at = next;
  }
}

std::map<std::string, int64_t> ZipArchive::entries() const {
  std::map<std::string, int64_t> sizes;
  for (auto const& [name, entry] : entries_) {
    sizes[name] = entry.bytes;
  }
  return sizes;
}

int64_t ZipArchive::size_of(std::string const& name) const {
  auto const found = entries_.find(name);
  return found == entries_.end() ? -1 : found->second.bytes;
}

void ZipArchive::read(std::string const& name, void* out, int64_t bytes) {
  auto const found = entries_.find(name);
  require(found != entries_.end(), "it has no entry '", name, "'");
  auto const& entry = found->second;
  require(entry.method == 0, "entry '", name, "' is compressed; save it again with torch.save");
  require((entry.flags & 1) == 0, "entry '", name, "' is encrypted");
  require(bytes >= 0 && bytes <= entry.bytes,
          "entry '",
          name,
          "' holds ",
          entry.bytes,
          " bytes, not ",
          bytes);
  auto const local = bytes_at(entry.header, kLocalHeader);
  require(local.starts_with(std::string_view("PK\x03\x04", 4)),
          "entry '",
          name,
          "' is not where the directory says");
  auto const start = entry.header + kLocalHeader +
                     static_cast<int64_t>(number(local, 26, 2) + number(local, 28, 2));
  require(start <= file_bytes_ && entry.bytes <= file_bytes_ - start,
          "entry '",
          name,
          "' leaves the file: it is truncated");
  file_.clear();
  file_.seekg(start);
  file_.read(static_cast<char*>(out), bytes);
  require(file_.gcount() == bytes, "entry '", name, "' cannot be read");
  auto crc = crc32_z(0, static_cast<Bytef const*>(out), static_cast<size_t>(bytes));
  std::vector<char> rest(1 << 16);
  for (auto left = entry.bytes - bytes;
       left > 0 && file_.read(rest.data(), std::min<int64_t>(left, 1 << 16));) {
    crc = crc32_z(
        crc, reinterpret_cast<Bytef const*>(rest.data()), static_cast<size_t>(file_.gcount()));
    left -= file_.gcount();
  }
  require(static_cast<uint32_t>(crc) == entry.crc,
          "entry '",
          name,
          "' is damaged: its checksum differs");
}

std::string ZipArchive::read_text(std::string const& name, int64_t most_bytes) {
  auto const bytes = size_of(name);
  require(bytes <= most_bytes,
          "entry '",
          name,
          "' holds ",
          bytes,
          " bytes; at most ",
          most_bytes,
          " are expected");
  std::string text(static_cast<size_t>(std::max<int64_t>(bytes, 0)), '\0');
  read(name, text.data(), std::max<int64_t>(bytes, 0));
  return text;
}

}  // namespace eddyline
