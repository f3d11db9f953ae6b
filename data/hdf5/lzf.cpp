#include "data/hdf5/lzf.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <hdf5.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr size_t kLongestLiteral = 32;
constexpr size_t kShortestMatch = 3;
constexpr size_t kLongestMatch = 264;  // 7 + 255 + 2
constexpr size_t kFarthest = 8192;     // 13 bits
constexpr unsigned kFilterVersion = 4;
constexpr unsigned kLibraryVersion = 0x0105;

/// One step of a stream: literal bytes that follow, or a copy from `distance` back.
struct Token {
  size_t length = 0;
  size_t distance = 0;  // 0: literals
};

/// Reads the token at `position` and moves behind its head; none if the stream ends inside it.
std::optional<Token> next_token(std::span<uint8_t const> packed, size_t& position) {
  size_t const control = packed[position++];
  if (control < kLongestLiteral) {
    return packed.size() - position >= control + 1 ? std::optional(Token{.length = control + 1})
                                                   : std::nullopt;
  }
  size_t length = control >> 5;
  if (length == 7) {
    if (position == packed.size()) {
      return std::nullopt;
    }
    length += packed[position++];
  }
  if (position == packed.size()) {
    return std::nullopt;
  }
  size_t const low = packed[position++];
  return Token{.length = length + 2, .distance = ((control & 31) << 8 | low) + 1};
}

/// Packs greedily with a table of the last place of every 3-byte hash.
class Packer {
 public:
  explicit Packer(std::span<uint8_t const> plain) : plain_(plain) { last_.fill(-1); }

  std::vector<uint8_t> pack() {
    size_t at = 0;
    while (at < plain_.size()) {
      auto const candidate = remember(at);
      auto const length = match_length(candidate, at);
      if (length < kShortestMatch) {
        ++at;
        continue;
      }
      flush_literals(at);
      write_match(length, at - static_cast<size_t>(candidate));
      for (size_t i = 1; i < length; ++i) {
        remember(at + i);
      }
      at += length;
      literals_from_ = at;
    }
    flush_literals(at);
    return std::move(out_);
  }

 private:
  /// Last place before `at` with the same hash (-1: none); `at` takes its place.
  int64_t remember(size_t at) {
    if (at + kShortestMatch > plain_.size()) {
      return -1;
    }
    uint32_t const word = plain_[at] | plain_[at + 1] << 8 | plain_[at + 2] << 16;
    auto const hash = (word * 2654435761U) >> 18;
    return std::exchange(last_[hash], static_cast<int64_t>(at));
  }

  size_t match_length(int64_t candidate, size_t at) const {
    if (candidate < 0 || at - static_cast<size_t>(candidate) > kFarthest) {
      return 0;
    }
    auto const limit = std::min(kLongestMatch, plain_.size() - at);
    size_t length = 0;
    while (length < limit &&
           plain_[static_cast<size_t>(candidate) + length] == plain_[at + length]) {
      ++length;
    }
    return length;
  }

  void flush_literals(size_t end) {
    while (literals_from_ < end) {
      auto const count = std::min(kLongestLiteral, end - literals_from_);
      out_.push_back(static_cast<uint8_t>(count - 1));
      auto const first = plain_.begin() + static_cast<int64_t>(literals_from_);
      out_.insert(out_.end(), first, first + static_cast<int64_t>(count));
      literals_from_ += count;
    }
  }

  void write_match(size_t length, size_t distance) {
    auto const code = length - 2;
    auto const offset = distance - 1;
    out_.push_back(static_cast<uint8_t>(std::min<size_t>(code, 7) << 5 | offset >> 8));
    if (code >= 7) {
      out_.push_back(static_cast<uint8_t>(code - 7));
    }
    out_.push_back(static_cast<uint8_t>(offset & 255));
  }

  std::span<uint8_t const> plain_;
  std::array<int64_t, 1 << 14> last_{};
  std::vector<uint8_t> out_;
  size_t literals_from_ = 0;
};

/// Puts `bytes` into HDF5's buffer in place of what it held; 0 if there is no memory.
size_t replace_buffer(std::span<uint8_t const> bytes, size_t* buffer_bytes, void** buffer) {
  auto* const memory = H5allocate_memory(bytes.size(), false);
  if (memory == nullptr) {
    return 0;
  }
  std::memcpy(memory, bytes.data(), bytes.size());
  H5free_memory(*buffer);
  *buffer = memory;
  *buffer_bytes = bytes.size();
  return bytes.size();
}

/// HDF5's callback: returns the bytes of the new buffer, 0 on failure.
size_t filter_chunk(unsigned flags,
                    size_t count,
                    unsigned const* values,
                    size_t bytes,
                    size_t* buffer_bytes,
                    void** buffer) {
  std::span const input(static_cast<uint8_t const*>(*buffer), bytes);
  if ((flags & H5Z_FLAG_REVERSE) == 0) {
    auto const packed = lzf_pack(input);
    return packed ? replace_buffer(*packed, buffer_bytes, buffer) : 0;
  }
  auto const unpacked = lzf_unpacked_bytes(input);
  // A chunk of another size than the file declares would make HDF5 read past the buffer.
  if (!unpacked || count < 3 || *unpacked != static_cast<int64_t>(values[2])) {
    return 0;
  }
  std::vector<uint8_t> plain(static_cast<size_t>(*unpacked));
  return lzf_unpack(input, plain) ? replace_buffer(plain, buffer_bytes, buffer) : 0;
}

/// HDF5's callback when a data set is created: stores the chunk's bytes, which readers ask for.
herr_t store_chunk_bytes(hid_t creation, hid_t type, hid_t /*space*/) {
  std::array<hsize_t, H5S_MAX_RANK> chunk{};
  auto const rank = H5Pget_chunk(creation, H5S_MAX_RANK, chunk.data());
  if (rank < 0) {
    return -1;
  }
  hsize_t bytes = H5Tget_size(type);
  for (int i = 0; i < rank; ++i) {
    bytes *= chunk[static_cast<size_t>(i)];
  }
  std::array<unsigned, 3> const values = {
      kFilterVersion, kLibraryVersion, static_cast<unsigned>(bytes)};
  return H5Pmodify_filter(creation, kLzfFilter, H5Z_FLAG_OPTIONAL, values.size(), values.data());
}

}  // namespace

std::optional<int64_t> lzf_unpacked_bytes(std::span<uint8_t const> packed) {
  size_t total = 0;
  size_t position = 0;
  while (position < packed.size()) {
    auto const token = next_token(packed, position);
    if (!token || token->distance > total) {
      return std::nullopt;
    }
    total += token->length;
    position += token->distance == 0 ? token->length : 0;
  }
  return static_cast<int64_t>(total);
}

bool lzf_unpack(std::span<uint8_t const> packed, std::span<uint8_t> out) {
  size_t written = 0;
  size_t position = 0;
  while (position < packed.size()) {
    auto const token = next_token(packed, position);
    if (!token || token->distance > written || token->length > out.size() - written) {
      return false;
    }
    if (token->distance == 0) {
      std::memcpy(out.data() + written, packed.data() + position, token->length);
      position += token->length;
    } else {
      // Byte by byte: source and destination may overlap, which repeats a pattern.
      for (size_t i = 0; i < token->length; ++i) {
        out[written + i] = out[written + i - token->distance];
      }
    }
    written += token->length;
  }
  return written == out.size();
}

std::optional<std::vector<uint8_t>> lzf_pack(std::span<uint8_t const> plain) {
  auto packed = Packer(plain).pack();
  return packed.size() < plain.size() ? std::optional(std::move(packed)) : std::nullopt;
}

void register_lzf_filter() {
  if (H5Zfilter_avail(kLzfFilter) > 0) {
    return;
  }
  H5Z_class2_t const description = {
      H5Z_CLASS_T_VERS, kLzfFilter, 1, 1, "lzf", nullptr, store_chunk_bytes, filter_chunk};
  expect_machine(H5Zregister(&description) >= 0, "HDF5 does not take the LZF filter");
}

}  // namespace eddyline
