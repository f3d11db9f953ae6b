#include "surrogates/checkpoints/envelope.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <vector>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr auto kMagic = "eddyline checkpoint\n";
constexpr int kVersion = 1;
constexpr size_t kChunk = size_t{1} << 20;

std::string block_text(int version, uint64_t length, uint32_t checksum) {
  char text[160];
  std::snprintf(text,
                sizeof text,
                "%sversion %d\nlength %llu\ncrc32 %08x\n",
                kMagic,
                version,
                static_cast<unsigned long long>(length),
                checksum);
  std::string block = text;
  block.resize(kEnvelopeBytes, '\0');
  return block;
}

/// CRC-32 of all bytes after the block.
uint32_t checksum_of(std::ifstream& file) {
  file.clear();
  file.seekg(kEnvelopeBytes);
  std::vector<char> chunk(kChunk);
  auto sum = crc32(0, nullptr, 0);
  while (file.read(chunk.data(), static_cast<std::streamsize>(chunk.size())) || file.gcount() > 0) {
    sum =
        crc32(sum, reinterpret_cast<Bytef const*>(chunk.data()), static_cast<uInt>(file.gcount()));
  }
  return static_cast<uint32_t>(sum);
}

std::string first_block(std::ifstream& file) {
  std::string block(kEnvelopeBytes, '\0');
  file.read(block.data(), kEnvelopeBytes);
  block.resize(static_cast<size_t>(file.gcount()));
  return block;
}

/// Writes the block and syncs the file.
void seal(std::filesystem::path const& path) {
  std::ifstream file(path, std::ios::binary);
  expect_machine(file.good(), "cannot read back '", path.string(), "': ", std::strerror(errno));
  auto const length = std::filesystem::file_size(path) - kEnvelopeBytes;
  auto const block = block_text(kVersion, length, checksum_of(file));
  int const descriptor = open(path.c_str(), O_WRONLY);
  expect_machine(descriptor >= 0, "cannot open '", path.string(), "': ", std::strerror(errno));
  bool const written = pwrite(descriptor, block.data(), block.size(), 0) == kEnvelopeBytes;
  bool const synced = written && fsync(descriptor) == 0;
  int const reason = errno;
  bool const closed = close(descriptor) == 0;
  expect_machine(synced && closed, "cannot write '", path.string(), "': ", std::strerror(reason));
}

/// Makes a rename in `folder` durable; a file system without it (EINVAL) does so by itself.
void sync_folder(std::filesystem::path const& folder) {
  int const descriptor = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (descriptor >= 0) {
    fsync(descriptor);
    close(descriptor);
  }
}

}  // namespace

SealedFile::SealedFile(std::filesystem::path path) {
  path_ = std::move(path);
  temporary_ = path_.string() + ".tmp";
}

SealedFile::~SealedFile() {
  std::error_code ignored;
  std::filesystem::remove(temporary_, ignored);
}

void SealedFile::commit() {
  seal(temporary_);
  std::error_code error;
  std::filesystem::rename(temporary_, path_, error);
  expect_machine(!error,
                 "cannot rename '",
                 temporary_.string(),
                 "' to '",
                 path_.string(),
                 "': ",
                 error.message());
  sync_folder(path_.parent_path());
}

void verify_seal(std::filesystem::path const& path) {
  std::ifstream file(path, std::ios::binary);
  require(file.good(), "cannot read checkpoint '", path.string(), "': ", std::strerror(errno));
  auto const block = first_block(file);
  require(block.starts_with(kMagic),
          "'",
          path.string(),
          "' is not a checkpoint of Eddyline; give a file that 'eddyline train' or 'eddyline "
          "convert' wrote");
  int version = 0;
  unsigned long long length = 0;
  unsigned int checksum = 0;
  int const read = std::sscanf(block.c_str() + std::strlen(kMagic),
                               "version %d length %llu crc32 %x",
                               &version,
                               &length,
                               &checksum);
  auto const damaged = concat("checkpoint '", path.string(), "' is damaged; use the one before it");
  require(read == 3, damaged, " (its first block cannot be read)");
  require(version == kVersion,
          "checkpoint '",
          path.string(),
          "' has version ",
          version,
          "; this program reads version ",
          kVersion,
          ": use a newer eddyline");
  auto const there = std::filesystem::file_size(path) - static_cast<uintmax_t>(block.size());
  require(there == length && block.size() == kEnvelopeBytes,
          "checkpoint '",
          path.string(),
          "' is truncated: it holds ",
          there,
          " bytes of ",
          length,
          "; use the one before it");
  require(
      block == block_text(version, length, checksum), damaged, " (its first block was changed)");
  require(checksum_of(file) == checksum, damaged, " (its checksum differs)");
}

bool has_seal(std::filesystem::path const& path) {
  std::ifstream file(path, std::ios::binary);
  return file.good() && first_block(file).starts_with(kMagic);
}

}  // namespace eddyline
