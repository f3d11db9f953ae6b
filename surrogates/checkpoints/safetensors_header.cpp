#include "surrogates/checkpoints/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr size_t kMostDimensions = 16;
constexpr char const* kMetadata = "__metadata__";

struct NamedType {
  char const* name;
  c10::ScalarType type;
};
constexpr std::array kTypes = {NamedType{"BOOL", c10::kBool},
                               NamedType{"U8", c10::kByte},
                               NamedType{"I8", c10::kChar},
                               NamedType{"I16", c10::kShort},
                               NamedType{"I32", c10::kInt},
                               NamedType{"I64", c10::kLong},
                               NamedType{"F16", c10::kHalf},
                               NamedType{"BF16", c10::kBFloat16},
                               NamedType{"F32", c10::kFloat},
                               NamedType{"F64", c10::kDouble},
                               NamedType{"C64", c10::kComplexFloat}};

c10::ScalarType type_named(std::string const& name, std::string const& tensor) {
  std::vector<std::string> known;
  for (auto const& type : kTypes) {
    if (name == type.name) {
      return type.type;
    }
    known.emplace_back(type.name);
  }
  throw Error(concat("tensor '", tensor, "' is of type '", name, "'; ", known, " can be read"));
}

/// Takes the header from the parser's events: nothing is kept that a header does not have, so that
/// memory is bounded by the text and nothing recurses.
class HeaderEvents final : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a truth"); }
  bool number_integer(int64_t) override { return refuse("a negative number"); }
  bool number_float(double, std::string const&) override { return refuse("a fraction"); }
  bool binary(binary_t&) override { return refuse("binary data"); }
  bool number_unsigned(uint64_t value) override {
    require(where_ == Where::shape || where_ == Where::offsets, kStrange, "a number", at());
    require(numbers_.size() < kMostDimensions,
            kStrange,
            "more than ",
            kMostDimensions,
            " numbers",
            at());
    numbers_.push_back(value);
    return true;
  }
  bool string(std::string& value) override {
    if (where_ == Where::metadata) {
      require(header_.metadata.emplace(key_, value).second, kStrange, "'", key_, "' twice", at());
      return true;
    }
    require(where_ == Where::tensor && key_ == "dtype", kStrange, "text", at());
    header_.entries.back().type = type_named(value, header_.entries.back().name);
    return found("dtype");
  }
  bool key(std::string& value) override {
    key_ = value;
    return true;
  }
  bool start_object(size_t) override {
    require(where_ == Where::outside || where_ == Where::root, kStrange, "an object", at());
    if (where_ == Where::outside) {
      where_ = Where::root;
    } else {
      require(names_.insert(key_).second, kStrange, "'", key_, "' twice");
      where_ = key_ == kMetadata ? Where::metadata : Where::tensor;
      parts_.clear();
      if (where_ == Where::tensor) {
        header_.entries.push_back({.name = key_});
      }
    }
    return true;
  }
  bool end_object() override {
    require(where_ != Where::tensor || parts_.size() == 3,
            "its header does not give dtype, shape and data_offsets of every tensor",
            at());
    where_ = where_ == Where::root ? Where::outside : Where::root;
    return true;
  }
  bool start_array(size_t) override {
    require(where_ == Where::tensor && (key_ == "shape" || key_ == "data_offsets"),
            kStrange,
            "a list",
            at());
    where_ = key_ == "shape" ? Where::shape : Where::offsets;
    numbers_.clear();
    return true;
  }
  bool end_array() override {
    auto& entry = header_.entries.back();
    if (where_ == Where::shape) {
      for (auto const size : numbers_) {
        require(size <= std::numeric_limits<int64_t>::max(), kStrange, "an enormous size", at());
        entry.shape.push_back(static_cast<int64_t>(size));
      }
    } else {
      require(
          numbers_.size() == 2, kStrange, numbers_.size(), " data_offsets where there are 2", at());
      entry.begin = numbers_[0];
      entry.end = numbers_[1];
    }
    auto const* const what = where_ == Where::shape ? "shape" : "data_offsets";
    where_ = Where::tensor;
    return found(what);
  }
  bool parse_error(size_t position,
                   std::string const&,
                   nlohmann::json::exception const& error) override {
    throw Error(concat("its header is no JSON at byte ", position, ": ", error.what()));
  }

  SafetensorsHeader take() { return std::move(header_); }

 private:
  enum class Where { outside, root, metadata, tensor, shape, offsets };
  static constexpr char const* kStrange = "its header has ";

  std::string at() const {
    bool const in_tensor = where_ != Where::outside && where_ != Where::root &&
                           where_ != Where::metadata && !header_.entries.empty();
    return in_tensor ? concat(" at tensor '", header_.entries.back().name, "'")
                     : std::string(" where none belongs");
  }
  bool refuse(char const* what) { throw Error(concat(kStrange, what, at())); }
  bool found(std::string const& part) {
    require(parts_.insert(part).second, kStrange, "'", part, "' twice", at());
    return true;
  }

  SafetensorsHeader header_;
  Where where_ = Where::outside;
  std::string key_;
  std::vector<uint64_t> numbers_;
  std::set<std::string> parts_;  ///< of the tensor that is read
  std::set<std::string> names_;
};

/// Bytes of a tensor; refuses what overflows.
uint64_t bytes_of(SafetensorsEntry const& entry, uint64_t most) {
  auto bytes = static_cast<uint64_t>(c10::elementSize(entry.type));
  bool const is_empty = std::count(entry.shape.begin(), entry.shape.end(), 0) > 0;
  for (auto const size : entry.shape) {
    require(is_empty || bytes <= most / static_cast<uint64_t>(size),
            "tensor '",
            entry.name,
            "' claims the shape (",
            entry.shape,
            "), more than the ",
            most,
            " bytes of data");
    bytes = is_empty ? 0 : bytes * static_cast<uint64_t>(size);
  }
  return bytes;
}

/// The format leaves no gap, no overlap and nothing behind the last tensor.
void check_places(std::vector<SafetensorsEntry> const& entries, uint64_t data_bytes) {
  std::vector<SafetensorsEntry const*> order;
  for (auto const& entry : entries) {
    require(entry.begin <= entry.end && entry.end <= data_bytes,
            "tensor '",
            entry.name,
            "' lies at bytes ",
            entry.begin,
            " to ",
            entry.end,
            " of ",
            data_bytes,
            "; the file is truncated or damaged");
    auto const bytes = bytes_of(entry, data_bytes);
    require(bytes == entry.end - entry.begin,
            "tensor '",
            entry.name,
            "' has ",
            entry.end - entry.begin,
            " bytes, its shape (",
            entry.shape,
            ") needs ",
            bytes);
    order.push_back(&entry);
  }
  std::sort(order.begin(), order.end(), [](auto const* a, auto const* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  uint64_t reached = 0;
  for (auto const* entry : order) {
    require(entry->begin == reached,
            "tensor '",
            entry->name,
            "' begins at byte ",
            entry->begin,
            " of the data, the one before it ends at ",
            reached);
    reached = entry->end;
  }
  require(reached == data_bytes,
          "its tensors end at byte ",
          reached,
          " of ",
          data_bytes,
          " bytes of data");
}

}  // namespace

SafetensorsHeader SafetensorsHeader::parse(std::string const& text, uint64_t data_bytes) {
  HeaderEvents events;
  nlohmann::json::sax_parse(text, &events);
  auto header = events.take();
  check_places(header.entries, data_bytes);
  return header;
}

std::string safetensors_type_name(c10::ScalarType type) {
  for (auto const& known : kTypes) {
    if (known.type == type) {
      return known.name;
    }
  }
  throw Error(concat("safetensors files hold no tensors of type ", c10::toString(type)));
}

}  // namespace eddyline
