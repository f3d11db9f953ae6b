#pragma once

#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "tests/data/formats/array_fixture.hpp"

namespace eddyline {

enum class ZipMethod { stored = 0, deflated = 8 };

/// Raw deflate, as zip files hold it.
inline std::string deflated(std::string const& data) {
  std::string out(compressBound(data.size()) + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// Little-endian bytes of a number.
inline std::string little(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) {
    text += static_cast<char>(value >> (8 * i) & 0xFF);
  }
  return text;
}

using ZipEntries = std::vector<std::pair<std::string, std::string>>;

/// A zip file in bytes, as Python's zipfile writes it for small entries.
inline std::string zip_bytes(ZipEntries const& entries, ZipMethod method) {
  std::string file;
  std::string directory;
  for (auto const& [name, data] : entries) {
    auto const stored = method == ZipMethod::deflated ? deflated(data) : data;
    auto const crc =
        crc32(0, reinterpret_cast<Bytef const*>(data.data()), static_cast<uInt>(data.size()));
    auto const common = little(20, 2) + little(0, 2) + little(static_cast<uint64_t>(method), 2) +
                        little(0, 4) + little(crc, 4) + little(stored.size(), 4) +
                        little(data.size(), 4) + little(name.size(), 2) + little(0, 2);
    directory += "PK\x01\x02" + little(20, 2) + common + little(0, 2) + little(0, 2) +
                 little(0, 2) + little(0, 4) + little(file.size(), 4) + name;
    file += "PK\x03\x04" + common + name + stored;
  }
  auto const count = little(entries.size(), 2);
  return file + directory + "PK\x05\x06" + little(0, 4) + count + count +
         little(directory.size(), 4) + little(file.size(), 4) + little(0, 2);
}

using NpzArrays = std::vector<std::pair<std::string, at::Tensor>>;

inline void write_bytes(std::filesystem::path const& path, std::string const& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

/// As numpy.savez and numpy.savez_compressed write it.
inline void write_npz(std::filesystem::path const& path,
                      NpzArrays const& arrays,
                      ZipMethod method = ZipMethod::stored) {
  ZipEntries entries;
  for (auto const& [name, values] : arrays) {
    entries.emplace_back(name + ".npy", npy_bytes(values));
  }
  write_bytes(path, zip_bytes(entries, method));
}

}  // namespace eddyline
