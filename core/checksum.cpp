#include "core/checksum.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <fstream>
#include <vector>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87ULL;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4FULL;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9ULL;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63ULL;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5ULL;
constexpr uint32_t kCastagnoli = 0x82F63B78;  // polynomial of CRC-32C, bits reversed
static_assert(std::endian::native == std::endian::little, "words are read in the machine's order");

template <class Word>
Word read_word(std::byte const* at) {
  Word word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

uint64_t round_of(uint64_t lane, uint64_t word) {
  return std::rotl(lane + word * kPrime2, 31) * kPrime1;
}

uint64_t merge(uint64_t sum, uint64_t lane) {
  return (sum ^ round_of(0, lane)) * kPrime1 + kPrime4;
}

uint64_t finish(uint64_t sum, std::span<std::byte const> rest) {
  while (rest.size() >= 8) {
    sum = std::rotl(sum ^ round_of(0, read_word<uint64_t>(rest.data())), 27) * kPrime1 + kPrime4;
    rest = rest.subspan(8);
  }
  if (rest.size() >= 4) {
    sum = std::rotl(sum ^ read_word<uint32_t>(rest.data()) * kPrime1, 23) * kPrime2 + kPrime3;
    rest = rest.subspan(4);
  }
  for (auto const byte : rest) {
    sum = std::rotl(sum ^ static_cast<uint64_t>(byte) * kPrime5, 11) * kPrime1;
  }
  sum = (sum ^ (sum >> 33)) * kPrime2;
  sum = (sum ^ (sum >> 29)) * kPrime3;
  return sum ^ (sum >> 32);
}

}  // namespace

Checksum::Checksum(uint64_t seed)
    : lanes_{seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1},
      pending_{},
      seed_(seed) {}

void Checksum::consume(std::byte const* stripe) {
  for (size_t i = 0; i < 4; ++i) {
    lanes_[i] = round_of(lanes_[i], read_word<uint64_t>(stripe + 8 * i));
  }
}

void Checksum::update(std::span<std::byte const> bytes) {
  auto const held = static_cast<size_t>(total_ % 32);
  total_ += bytes.size();
  if (held + bytes.size() < 32) {
    std::copy(bytes.begin(), bytes.end(), pending_.begin() + static_cast<std::ptrdiff_t>(held));
    return;
  }
  if (held > 0) {
    auto const missing = 32 - held;
    std::copy_n(bytes.begin(), missing, pending_.begin() + static_cast<std::ptrdiff_t>(held));
    consume(pending_.data());
    bytes = bytes.subspan(missing);
  }
  for (; bytes.size() >= 32; bytes = bytes.subspan(32)) {
    consume(bytes.data());
  }
  std::copy(bytes.begin(), bytes.end(), pending_.begin());
}

void Checksum::update(void const* data, size_t bytes) {
  update(std::span(static_cast<std::byte const*>(data), bytes));
}

uint64_t Checksum::value() const {
  uint64_t sum = seed_ + kPrime5;
  if (total_ >= 32) {
    sum = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
          std::rotl(lanes_[3], 18);
    for (auto const lane : lanes_) {
      sum = merge(sum, lane);
    }
  }
  return finish(sum + total_, std::span(pending_).first(static_cast<size_t>(total_ % 32)));
}

uint64_t checksum(std::string const& bytes) {
  Checksum sum;
  sum.update(bytes.data(), bytes.size());
  return sum.value();
}

uint64_t checksum_file(std::filesystem::path const& path) {
  std::ifstream in(path, std::ios::binary);
  require(in.is_open(), "cannot read '", path.string(), "'");
  Checksum sum;
  std::vector<char> chunk(size_t{1} << 20);
  while (in.read(chunk.data(), static_cast<std::streamsize>(chunk.size())), in.gcount() > 0) {
    sum.update(chunk.data(), static_cast<size_t>(in.gcount()));
  }
  require(in.eof(), "cannot read '", path.string(), "' to its end");
  return sum.value();
}

uint32_t crc32c(std::string_view bytes) {
  static auto const table = [] {
    std::array<uint32_t, 256> entries{};
    for (uint32_t i = 0; i < entries.size(); ++i) {
      auto value = i;
      for (int bit = 0; bit < 8; ++bit) {
        value = (value >> 1) ^ ((value & 1) != 0 ? kCastagnoli : 0);
      }
      entries[i] = value;
    }
    return entries;
  }();
  auto sum = ~uint32_t{0};
  for (auto const byte : bytes) {
    sum = table[(sum ^ static_cast<uint8_t>(byte)) & 0xff] ^ (sum >> 8);
  }
  return ~sum;
}

std::string checksum_text(uint64_t value) {
  return fmt::format("{:016x}", value);
}

}  // namespace eddyline
