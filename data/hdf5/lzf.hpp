#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace eddyline {

/// Number of the LZF filter in HDF5 files (PDEBench uses it; h5py brings it, the C library does
/// not).
constexpr int kLzfFilter = 32000;

/// Bytes that an LZF stream unpacks to, without unpacking it; none if the stream is malformed.
std::optional<int64_t> lzf_unpacked_bytes(std::span<uint8_t const> packed);

/// Unpacks an LZF stream: control byte c < 32 copies the next c + 1 bytes; otherwise copies
/// (c >> 5) + 2 bytes (7: plus the next byte) from ((c & 31) << 8 | next byte) + 1 bytes back.
/// \return  false if the stream is malformed or does not fill `out` exactly; never reads or writes
///          outside the spans
bool lzf_unpack(std::span<uint8_t const> packed, std::span<uint8_t> out);

/// Packs bytes as an LZF stream.
/// \return  nothing if the stream would not be shorter than the input
std::optional<std::vector<uint8_t>> lzf_pack(std::span<uint8_t const> plain);

/// Makes HDF5 know the filter. Does nothing when called again.
/// \throw Failure  if HDF5 refuses it
void register_lzf_filter();

}  // namespace eddyline
