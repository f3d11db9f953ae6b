#include <array>
#include <mutex>

#include "core/error.hpp"
#include "data/hdf5/data_set.hpp"
#include "data/hdf5/library.hpp"
#include "data/hdf5/lzf.hpp"

// How a data set is stored, and whether that can be true.
namespace eddyline {
namespace {

/// No compression that HDF5 knows makes more than this of a byte (deflate: 1032).
constexpr double kHighestCompression = 2048;
/// What a file may claim whatever its size: unwritten chunks take no room.
constexpr double kAlwaysAllowed = 64.0 * 1024 * 1024;

struct Chunks {
  std::vector<int64_t> shape;  // empty: not chunked
  double bytes = 0;
};

Chunks chunks_of(hid_t creation, int64_t element_bytes) {
  Chunks chunks;
  if (H5Pget_layout(creation) != H5D_CHUNKED) {
    return chunks;
  }
  std::array<hsize_t, H5S_MAX_RANK> shape{};
  auto const rank = H5Pget_chunk(creation, H5S_MAX_RANK, shape.data());
  chunks.bytes = static_cast<double>(element_bytes);
  for (int i = 0; i < rank; ++i) {
    chunks.shape.push_back(static_cast<int64_t>(shape[static_cast<size_t>(i)]));
    chunks.bytes *= static_cast<double>(shape[static_cast<size_t>(i)]);
  }
  return chunks;
}

/// Our LZF gives HDF5 exactly the bytes that the filter's parameters declare: they must be a
/// chunk's.
void check_filters(hid_t creation, Chunks const& chunks, Hdf5Place const& place) {
  auto const count = chunks.shape.empty() ? 0 : H5Pget_nfilters(creation);
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0;
    size_t values = 8;
    std::array<unsigned, 8> parameters{};
    auto const filter = H5Pget_filter2(creation,
                                       static_cast<unsigned>(i),
                                       &flags,
                                       &values,
                                       parameters.data(),
                                       0,
                                       nullptr,
                                       nullptr);
    require(H5Zfilter_avail(filter) > 0,
            place.describe(),
            " is packed by HDF5 filter ",
            filter,
            ", which this program does not have; repack it without, e.g. h5repack -f GZIP=4");
    require(
        filter != kLzfFilter || (values >= 3 && static_cast<double>(parameters[2]) == chunks.bytes),
        place.describe(),
        " is packed by LZF with a chunk of other size than its own: the file is damaged");
  }
}

std::string filter_name(H5Z_filter_t filter) {
  switch (filter) {
    case H5Z_FILTER_DEFLATE:
      return "gzip";
    case H5Z_FILTER_SHUFFLE:
      return "shuffle";
    case H5Z_FILTER_FLETCHER32:
      return "fletcher32";
    case kLzfFilter:
      return "lzf";
    default:
      return concat("filter ", filter);
  }
}

}  // namespace

void Hdf5DataSet::check_extents() const {
  Hdf5Handle const creation(H5Dget_create_plist(id()));
  require(creation.is_open(),
          "cannot read how ",
          place_.describe(),
          " is stored: ",
          take_hdf5_errors());
  auto const layout = H5Pget_layout(creation.id());
  require(H5Pget_external_count(creation.id()) <= 0,
          place_.describe(),
          " keeps its values in another, raw file, which is not read; copy it with h5repack");
  double bytes = static_cast<double>(element_bytes());
  for (auto const extent : shape_) {
    require(extent >= 0,
            place_.describe(),
            " claims an extent of ",
            static_cast<uint64_t>(extent),
            ": the file is damaged");
    bytes *= static_cast<double>(extent);
  }
  require(bytes < 9e18,
          place_.describe(),
          " claims a shape of ",
          "(",
          shape_,
          ")",
          ": the file is damaged");
  if (layout == H5D_VIRTUAL) {
    return;  // its values are in other files, whose sizes are checked as they are read
  }
  auto const file_bytes = static_cast<double>(place_.file_bytes);
  auto const chunks = chunks_of(creation.id(), element_bytes());
  auto const bound = std::max(kAlwaysAllowed, kHighestCompression * file_bytes);
  require(bytes <= bound && chunks.bytes <= bound,
          place_.describe(),
          " claims ",
          "(",
          shape_,
          ")",
          " elements, ",
          bytes,
          " bytes, in a file of ",
          place_.file_bytes,
          " bytes: the file is damaged");
  check_filters(creation.id(), chunks, place_);
  auto const offset = layout == H5D_CONTIGUOUS ? H5Dget_offset(id()) : HADDR_UNDEF;
  H5Eclear2(H5E_DEFAULT);
  require(offset == HADDR_UNDEF ||
              static_cast<double>(offset) + static_cast<double>(stored_bytes()) <= file_bytes,
          place_.describe(),
          " ends at byte ",
          static_cast<double>(offset) + static_cast<double>(stored_bytes()),
          " but the file has ",
          place_.file_bytes,
          ": it is truncated; copy or download it again");
}

std::string Hdf5DataSet::storage() const {
  std::lock_guard const lock(hdf5_lock());
  Hdf5Handle const creation(H5Dget_create_plist(id()));
  auto const layout = H5Pget_layout(creation.id());
  if (layout != H5D_CHUNKED) {
    return layout == H5D_VIRTUAL ? "virtual" : layout == H5D_COMPACT ? "compact" : "contiguous";
  }
  auto text = concat("chunks ", chunks_of(creation.id(), 1).shape);
  for (int i = 0; i < H5Pget_nfilters(creation.id()); ++i) {
    unsigned flags = 0;
    size_t values = 0;
    text += ", " + filter_name(H5Pget_filter2(creation.id(),
                                              static_cast<unsigned>(i),
                                              &flags,
                                              &values,
                                              nullptr,
                                              0,
                                              nullptr,
                                              nullptr));
  }
  return text;
}

}  // namespace eddyline
