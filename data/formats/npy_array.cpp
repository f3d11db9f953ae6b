#include "data/formats/npy_array.hpp"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstring>
#include <utility>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr int64_t kLongestHeader = kMostNpyHeader - 12;
constexpr size_t kMostDimensions = 64;

/// Takes a header's text apart: a Python dictionary of a string, a truth and a tuple.
class HeaderText {
 public:
  explicit HeaderText(std::string text) : text_(std::move(text)) {}

  bool take(char wanted) {
    skip_blanks();
    bool const found = at_ < text_.size() && text_[at_] == wanted;
    at_ += found ? 1 : 0;
    return found;
  }
  void expect(char wanted) {
    require(take(wanted), "its header is damaged at character ", at_, ": no '", wanted, "'");
  }
  std::string quoted() {
    skip_blanks();
    require(at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"'),
            "its header is damaged at character ",
            at_,
            ": no quoted text; structured types cannot be read, store one array for each field");
    auto const end = text_.find(text_[at_], at_ + 1);
    require(end != std::string::npos, "its header is damaged: a quote is not closed");
    auto const word = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return word;
  }
  std::string word() {
    skip_blanks();
    auto const start = at_;
    while (at_ < text_.size() && std::isalnum(static_cast<unsigned char>(text_[at_])) != 0) {
      ++at_;
    }
    return text_.substr(start, at_ - start);
  }
  int64_t number() {
    auto const digits = word();
    bool const whole = !digits.empty() && digits.size() < 19 &&
                       std::all_of(digits.begin(), digits.end(), [](unsigned char c) {
                         return std::isdigit(c) != 0;
                       });
    require(whole, "its header is damaged at character ", at_, ": '", digits, "' is no size");
    return std::stoll(digits);
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
      ++at_;
    }
  }
  std::string text_;
  size_t at_ = 0;
};

void set_type(std::string const& descr, NpyHeader& header) {
  static std::vector<std::string> const known = {
      "f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"};
  bool const ordered = !descr.empty() && std::string("<>|=").find(descr[0]) != std::string::npos;
  auto const type = ordered ? descr.substr(1) : descr;
  require(!type.starts_with("c"),
          "it holds complex numbers (",
          descr,
          "); store real and imaginary part as two arrays");
  require(std::find(known.begin(), known.end(), type) != known.end(),
          "it holds '",
          descr,
          "'; arrays of ",
          known,
          " can be read");
  header.kind = type[0];
  header.item_bytes = type[1] - '0';
  header.is_big_endian = descr[0] == '>' && header.item_bytes > 1;
}

void set_shape(HeaderText& text, NpyHeader& header) {
  text.expect('(');
  while (!text.take(')')) {
    header.shape.push_back(text.number());
    require(header.shape.size() <= kMostDimensions,
            "it has more than ",
            kMostDimensions,
            " dimensions");
    if (!text.take(',')) {
      text.expect(')');
      break;
    }
  }
}

/// Value of `T` at `from`, in the machine's order of bytes.
template <class T, bool kSwap>
double value_at(std::byte const* from) {
  std::array<std::byte, sizeof(T)> bytes{};
  std::memcpy(bytes.data(), from, sizeof(T));
  if constexpr (kSwap) {
    std::reverse(bytes.begin(), bytes.end());
  }
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return static_cast<double>(
      static_cast<std::conditional_t<std::is_same_v<T, c10::Half>, float, T>>(value));
}

using ValueAt = double (*)(std::byte const*);

template <bool kSwap>
ValueAt choose(NpyHeader const& header) {
  auto const bytes = header.item_bytes;
  if (header.kind == 'f') {
    return bytes == 2   ? value_at<c10::Half, kSwap>
           : bytes == 4 ? value_at<float, kSwap>
                        : value_at<double, kSwap>;
  }
  if (header.kind == 'i') {
    return bytes == 1   ? value_at<int8_t, kSwap>
           : bytes == 2 ? value_at<int16_t, kSwap>
           : bytes == 4 ? value_at<int32_t, kSwap>
                        : value_at<int64_t, kSwap>;
  }
  return bytes == 1   ? value_at<uint8_t, kSwap>
         : bytes == 2 ? value_at<uint16_t, kSwap>
         : bytes == 4 ? value_at<uint32_t, kSwap>
                      : value_at<uint64_t, kSwap>;
}

/// A run along the last axis: `count` elements, `stride` bytes apart.
template <class Out>
void copy_run(std::byte const* from,
              std::pair<int64_t, int64_t> count_stride,
              ValueAt value,
              Out* out) {
  auto const [count, stride] = count_stride;
  for (int64_t i = 0; i < count; ++i) {
    out[i] = static_cast<Out>(value(from + i * stride));
  }
}

}  // namespace

NpyHeader parse_npy_header(std::string const& bytes) {
  require(bytes.size() >= 10 && bytes.compare(0, 6, "\x93NUMPY") == 0, "it is not an npy file");
  auto const byte = [&](size_t i) {
    return static_cast<int64_t>(static_cast<unsigned char>(bytes[i]));
  };
  auto const version = byte(6);
  require(version >= 1 && version <= 3,
          "its format version ",
          version,
          " is unknown; 1 to 3 can be read");
  int64_t const begin = version == 1 ? 10 : 12;
  require(static_cast<int64_t>(bytes.size()) >= begin, "its header is cut off");
  int64_t const length = version == 1
                             ? byte(8) + 256 * byte(9)
                             : byte(8) + 256 * (byte(9) + 256 * (byte(10) + 256 * byte(11)));
  require(length <= kLongestHeader,
          "its header claims ",
          length,
          " characters, more than ",
          kLongestHeader);
  require(begin + length <= static_cast<int64_t>(bytes.size()), "its header is cut off");
  HeaderText text(bytes.substr(static_cast<size_t>(begin), static_cast<size_t>(length)));
  NpyHeader header;
  header.data_begin = begin + length;
  std::string seen;
  text.expect('{');
  while (!text.take('}')) {
    auto const key = text.quoted();
    text.expect(':');
    seen += key + " ";
    if (key == "descr") {
      set_type(text.quoted(), header);
    } else if (key == "fortran_order") {
      auto const truth = text.word();
      require(truth == "True" || truth == "False",
              "its header is damaged: fortran_order is '",
              truth,
              "'");
      header.is_fortran = truth == "True";
    } else {
      require(key == "shape", "its header is damaged: key '", key, "'");
      set_shape(text, header);
    }
    text.take(',');
  }
  for (auto const* key : {"descr", "fortran_order", "shape"}) {
    require(seen.find(key) != std::string::npos, "its header is damaged: '", key, "' is missing");
  }
  return header;
}

NpyArray::NpyArray(std::span<std::byte const> bytes, std::string name)
    : name_(std::move(name)), bytes_(bytes) {
  auto const size = static_cast<int64_t>(bytes.size());
  header_ = parse_npy_header(std::string(reinterpret_cast<char const*>(bytes.data()),
                                         static_cast<size_t>(std::min(size, kMostNpyHeader))));
  int64_t needed = header_.item_bytes;
  auto const room = size - header_.data_begin;
  bool const is_empty = std::count(header_.shape.begin(), header_.shape.end(), 0) > 0;
  for (auto const extent : header_.shape) {
    require(is_empty || needed <= room / std::max<int64_t>(extent, 1),
            "its header promises the shape (",
            header_.shape,
            ") of ",
            type_name(),
            ", but only ",
            room,
            " bytes follow; copy it again");
    needed = is_empty ? 0 : needed * extent;
  }
  require(needed <= room, "its header promises a number, but only ", room, " bytes follow");
  strides_.assign(header_.shape.size(), 1);
  auto const rank = static_cast<int>(header_.shape.size());
  for (int i = 1; i < rank; ++i) {
    auto const at = static_cast<size_t>(header_.is_fortran ? i : rank - 1 - i);
    auto const before = header_.is_fortran ? at - 1 : at + 1;
    strides_[at] = is_empty ? 0 : strides_[before] * header_.shape[before];
  }
}

std::string NpyArray::type_name() const {
  std::string const kind = header_.kind == 'f'   ? "float"
                           : header_.kind == 'i' ? "int"
                           : header_.kind == 'u' ? "uint"
                                                 : "boolean";
  return header_.kind == 'b' ? kind : kind + std::to_string(8 * header_.item_bytes);
}

int64_t NpyArray::read(Hyperslab const& part, at::Tensor const& out) {
  auto const rank = header_.shape.size();
  require(part.first.size() == rank && part.count.size() == rank,
          name_,
          " has ",
          rank,
          " dimensions, ",
          part.first.size(),
          " were asked for");
  auto const step = [&](size_t i) { return part.stride.empty() ? 1 : part.stride[i]; };
  for (size_t i = 0; i < rank; ++i) {
    require(part.first[i] >= 0 && part.count[i] > 0 && step(i) > 0 &&
                part.first[i] + (part.count[i] - 1) * step(i) < header_.shape[i],
            name_,
            " has the shape (",
            header_.shape,
            "); elements from (",
            part.first,
            "), count (",
            part.count,
            ") were asked for");
  }
  EDDYLINE_ENSURE(out.is_contiguous() && out.numel() == part.elements(), name_);
  bool const swap = header_.is_big_endian == (std::endian::native == std::endian::little) &&
                    header_.item_bytes > 1;
  auto const value = swap ? choose<true>(header_) : choose<false>(header_);
  auto const* base = bytes_.data() + header_.data_begin;
  auto const run = rank == 0 ? 1 : part.count[rank - 1];
  auto const run_stride = rank == 0 ? 0 : strides_[rank - 1] * step(rank - 1) * header_.item_bytes;
  std::vector<int64_t> index(rank, 0);
  for (int64_t done = 0; done < out.numel(); done += run) {
    int64_t offset = 0;
    for (size_t i = 0; i < rank; ++i) {
      offset += (part.first[i] + index[i] * step(i)) * strides_[i];
    }
    auto const* from = base + offset * header_.item_bytes;
    if (out.scalar_type() == at::kDouble) {
      copy_run(from, {run, run_stride}, value, out.data_ptr<double>() + done);
    } else {
      copy_run(from, {run, run_stride}, value, out.data_ptr<float>() + done);
    }
    for (size_t i = rank > 0 ? rank - 1 : 0;
         i-- > 0;) {  // the axes before the last, as an odometer
      if (++index[i] < part.count[i]) {
        break;
      }
      index[i] = 0;
    }
  }
  return out.numel() * header_.item_bytes;
}

}  // namespace eddyline
