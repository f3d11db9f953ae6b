#include "surrogates/checkpoints/zip_writer.hpp"

#include <zlib.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

// Layout of the records: PKWARE APPNOTE 6.3.9, sections 4.3.7 to 4.3.16 and 4.5.3.
constexpr uint64_t kAlignment = 64;
constexpr uint64_t kLocalHeaderBytes = 30;
constexpr uint64_t kLocalZip64 = 20;
constexpr uint64_t kPaddingHead = 4;
constexpr int kVersion = 45;              // of zip64
constexpr uint64_t kFirstDay = 0x210000;  // 1980-01-01, 0 h: no time makes files differ
constexpr uint64_t kIn64 = 0xFFFFFFFFU;   // "see the zip64 field"

std::string number(uint64_t value, int bytes) {
  return little_endian(value, bytes);
}

/// Version, flags, method and time, as both kinds of header have them.
std::string common_part(uint32_t crc, std::string const& name, uint64_t extra) {
  return concat(number(kVersion, 2),
                number(0, 2),
                number(0, 2),
                number(kFirstDay, 4),
                number(crc, 4),
                number(kIn64, 4),
                number(kIn64, 4),
                number(name.size(), 2),
                number(extra, 2));
}

}  // namespace

ZipWriter::ZipWriter(std::filesystem::path const& path) : out_(path) {}

void ZipWriter::add(std::string const& name, void const* data, uint64_t bytes) {
  auto const crc = static_cast<uint32_t>(
      crc32_z(0, static_cast<Bytef const*>(data), static_cast<size_t>(bytes)));
  entries_.push_back({name, out_.position(), bytes, crc});
  auto const unpadded =
      out_.position() + kLocalHeaderBytes + name.size() + kLocalZip64 + kPaddingHead;
  auto const padding = (kAlignment - unpadded % kAlignment) % kAlignment;
  out_.write(concat("PK\x03\x04",
                    common_part(crc, name, kLocalZip64 + kPaddingHead + padding),
                    name,
                    number(1, 2),
                    number(16, 2),
                    number(bytes, 8),
                    number(bytes, 8),
                    "FB",  // as torch pads
                    number(padding, 2),
                    std::string(padding, 'Z')));
  out_.write(data, bytes);
}

void ZipWriter::commit() {
  auto const begin = out_.position();
  for (auto const& entry : entries_) {
    out_.write(concat("PK\x01\x02",
                      number(kVersion, 2),
                      common_part(entry.crc, entry.name, 28),
                      number(0, 8),
                      number(0, 2),
                      number(kIn64, 4),
                      entry.name,
                      number(1, 2),
                      number(24, 2),
                      number(entry.bytes, 8),
                      number(entry.bytes, 8),
                      number(entry.header, 8)));
  }
  auto const end = out_.position();
  auto const count = entries_.size();
  out_.write(concat("PK\x06\x06",
                    number(44, 8),
                    number(kVersion, 2),
                    number(kVersion, 2),
                    number(0, 8),
                    number(count, 8),
                    number(count, 8),
                    number(end - begin, 8),
                    number(begin, 8)));
  out_.write(concat("PK\x06\x07", number(0, 4), number(end, 8), number(1, 4)));
  out_.write(concat("PK\x05\x06",
                    number(0, 4),
                    number(0xFFFF, 2),
                    number(0xFFFF, 2),
                    number(kIn64, 4),
                    number(kIn64, 4),
                    number(0, 2)));
  out_.commit();
}

}  // namespace eddyline
