#include "data/formats/netcdf_classic.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <vector>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr uint32_t kDimensions = 0x0A;
constexpr uint32_t kVariables = 0x0B;
constexpr uint32_t kAttributes = 0x0C;
constexpr uint64_t kLargest = uint64_t{1} << 62;

/// Reads the header's words, big endian, and never beyond the end of the file.
class HeaderReader {
 public:
  explicit HeaderReader(std::filesystem::path const& path)
      : path_(path), size_(std::filesystem::file_size(path)), in_(path, std::ios::binary) {
    std::array<char, 4> magic{};
    in_.read(magic.data(), 4);
    version_ = magic[3];
    position_ = 4;
  }

  uint64_t file_size() const { return size_; }
  int version() const { return version_; }

  uint64_t number(int bytes) {
    std::array<unsigned char, 8> raw{};
    need(static_cast<uint64_t>(bytes));
    in_.read(reinterpret_cast<char*>(raw.data()), bytes);
    position_ += static_cast<uint64_t>(bytes);
    uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) {
      value = value << 8 | raw[static_cast<size_t>(i)];
    }
    return value;
  }
  uint32_t word() { return static_cast<uint32_t>(number(4)); }
  /// Counts and sizes: 8 bytes in version 5, else 4.
  uint64_t count() { return number(version_ == 5 ? 8 : 4); }
  uint64_t offset() { return number(version_ == 1 ? 4 : 8); }

  /// Elements of a list; each takes at least `least` bytes, so more cannot be in the file.
  uint64_t list(uint32_t tag, uint64_t least) {
    auto const found = word();
    auto const elements = count();
    require(found == tag || (found == 0 && elements == 0),
            damaged(),
            "tag ",
            found,
            " instead of ",
            tag);
    require(elements <= (size_ - position_) / least, damaged(), elements, " entries in a list");
    return elements;
  }
  std::string name() {
    auto const length = count();
    need(length);
    std::string text(length, '\0');
    in_.read(text.data(), static_cast<std::streamsize>(length));
    position_ += length;
    skip(length % 4 == 0 ? 0 : 4 - length % 4);
    return text;
  }
  void skip(uint64_t bytes) {
    need(bytes);
    position_ += bytes;
    in_.seekg(static_cast<std::streamoff>(position_));
  }
  std::string damaged() const {
    return concat("header of '",
                  path_.string(),
                  "' is damaged at byte ",
                  position_,
                  " (copy the file again): ");
  }

 private:
  void need(uint64_t bytes) {
    require(bytes <= size_ - position_,
            "'",
            path_.string(),
            "' ends within its netCDF header, at byte ",
            size_,
            "; it is truncated: copy it again");
  }

  std::filesystem::path path_;
  uint64_t size_;
  std::ifstream in_;
  uint64_t position_ = 0;
  int version_ = 0;
};

uint64_t type_size(HeaderReader const& header, uint32_t type) {
  constexpr std::array<uint64_t, 12> kSizes = {0, 1, 1, 2, 4, 4, 8, 1, 2, 4, 8, 8};
  require(type >= 1 && type < kSizes.size() && (header.version() == 5 || type <= 6),
          header.damaged(),
          "unknown type ",
          type);
  return kSizes[type];
}

uint64_t multiply(HeaderReader const& header, uint64_t a, uint64_t b) {
  require(b == 0 || a <= kLargest / b, header.damaged(), "an array of more than 2^62 bytes");
  return a * b;
}

uint64_t padded(uint64_t bytes) {
  return (bytes + 3) / 4 * 4;
}

void skip_attributes(HeaderReader& header) {
  auto const attributes = header.list(kAttributes, 12);
  for (uint64_t i = 0; i < attributes; ++i) {
    header.name();
    auto const size = type_size(header, header.word());
    header.skip(padded(multiply(header, header.count(), size)));
  }
}

struct ClassicVariable {
  std::string name;
  uint64_t bytes = 0;  ///< of the array, or of one record
  uint64_t begin = 0;
  bool in_records = false;
};

ClassicVariable read_variable(HeaderReader& header, std::vector<uint64_t> const& dimensions) {
  ClassicVariable variable{.name = header.name()};
  auto const rank = header.count();
  require(rank <= dimensions.size() + 1024, header.damaged(), "an array of ", rank, " dimensions");
  variable.bytes = 1;
  for (uint64_t i = 0; i < rank; ++i) {
    auto const id = header.count();
    require(
        id < dimensions.size(), header.damaged(), "dimension ", id, " of '", variable.name, "'");
    if (dimensions[id] == 0 && i == 0) {
      variable.in_records = true;
    } else {
      variable.bytes = multiply(header, variable.bytes, dimensions[id]);
    }
  }
  skip_attributes(header);
  variable.bytes = multiply(header, variable.bytes, type_size(header, header.word()));
  header.count();  // the size as stored, which overflows by design for large arrays
  variable.begin = header.offset();
  return variable;
}

}  // namespace

NetcdfKind netcdf_kind(std::filesystem::path const& path) {
  std::ifstream in(path, std::ios::binary);
  std::array<char, 8> magic{};
  if (!in.read(magic.data(), 8)) {
    return NetcdfKind::none;
  }
  if (std::memcmp(magic.data(), "\x89HDF\r\n\x1a\n", 8) == 0) {
    return NetcdfKind::hdf5;
  }
  if (std::memcmp(magic.data(), "CDF", 3) != 0) {
    return NetcdfKind::none;
  }
  return magic[3] == 1   ? NetcdfKind::classic
         : magic[3] == 2 ? NetcdfKind::offset_64
         : magic[3] == 5 ? NetcdfKind::data_64
                         : NetcdfKind::none;
}

std::string to_string(NetcdfKind kind) {
  switch (kind) {
    case NetcdfKind::none:
      return "not netCDF";
    case NetcdfKind::classic:
      return "netCDF-3 classic";
    case NetcdfKind::offset_64:
      return "netCDF-3 with 64-bit offsets";
    case NetcdfKind::data_64:
      return "netCDF-3 with 64-bit data";
    case NetcdfKind::hdf5:
      return "netCDF-4 (HDF5)";
  }
  return "";
}

void check_classic_netcdf(std::filesystem::path const& path) {
  HeaderReader header(path);
  auto const records = header.count();
  bool const streamed = records == (header.version() == 5 ? ~uint64_t{0} : 0xFFFFFFFFU);
  std::vector<uint64_t> dimensions(header.list(kDimensions, 8));
  for (auto& dimension : dimensions) {
    header.name();
    dimension = header.count();
  }
  skip_attributes(header);
  std::vector<ClassicVariable> variables(header.list(kVariables, 24));
  uint64_t record_bytes = 0;
  uint64_t record_variables = 0;
  for (auto& variable : variables) {
    variable = read_variable(header, dimensions);
    record_variables += variable.in_records ? 1 : 0;
    record_bytes += variable.in_records ? padded(variable.bytes) : 0;
    require(record_bytes <= kLargest, header.damaged(), "records of more than 2^62 bytes");
  }
  for (auto const& variable : variables) {
    if (variable.in_records && (streamed || records == 0)) {
      continue;  // libnetcdf takes the number of records from the file's size
    }
    // A single variable in records is packed without padding.
    auto const step = record_variables == 1 ? variable.bytes : record_bytes;
    auto const before = variable.in_records ? multiply(header, records - 1, step) : 0;
    require(variable.begin <= kLargest,
            header.damaged(),
            "'",
            variable.name,
            "' begins at byte ",
            variable.begin);
    auto const end = variable.begin + before + variable.bytes;
    require(end <= header.file_size(),
            "'",
            path.string(),
            "' is truncated: variable '",
            variable.name,
            "' ends at byte ",
            end,
            ", the file has ",
            header.file_size(),
            "; copy it again");
  }
}

}  // namespace eddyline
