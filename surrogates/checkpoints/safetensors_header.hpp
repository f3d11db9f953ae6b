#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <c10/core/ScalarType.h>

namespace eddyline {

/// Where a tensor of a safetensors file lies.
struct SafetensorsEntry {
  std::string name;
  c10::ScalarType type = c10::kFloat;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  ///< first byte in the data
  uint64_t end = 0;    ///< behind its last byte
};

/// A header that was checked: the entries tile `data_bytes` bytes without gap or overlap, each of
/// the size that its shape and type say.
struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  ///< in the text's order
  std::map<std::string, std::string> metadata;

  /// \throw Error  if the text is not the header of such data
  static SafetensorsHeader parse(std::string const& text, uint64_t data_bytes);
};

/// The format's name of a type: "F32". \throw Error  if it has none
std::string safetensors_type_name(c10::ScalarType type);

}  // namespace eddyline
