#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <c10/core/ScalarType.h>

namespace eddyline {

/// What a persistent id of torch.save names: the bytes of a tensor, kept outside the pickle.
struct PickledStorage {
  c10::ScalarType type = c10::kFloat;
  std::string key;  ///< entry `data/<key>` of the archive
  int64_t elements = 0;
};

/// A tensor as the pickle describes it; nothing is checked against the storage yet.
struct PickledTensor {
  PickledStorage storage;
  int64_t offset = 0;  ///< in elements
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
};

enum class PickleKind {
  none,
  boolean,
  integer,
  real,
  text,
  list,
  tuple,
  dict,
  storage,
  tensor,
  global
};

/// One object of a pickle. A `global` is only ever an allow-listed name; no code of it is run.
struct PickleNode {
  PickleKind kind = PickleKind::none;
  int64_t integer = 0;  ///< boolean (0, 1) and integer
  double real = 0;
  std::string text;                       ///< text, global ("module.name") and storage key
  std::vector<int32_t> children;          ///< list, tuple; dict: key, value, key, value, …
  std::shared_ptr<PickledTensor> tensor;  ///< of a tensor; a storage uses its `storage`
};

/// All objects of a pickle, by index: shared and cyclic references cost nothing and no operation on
/// them recurses.
class PickleDocument {
 public:
  /// Reads a pickle of protocol 2 or later that holds plain values, containers and tensors only.
  /// Memory is bounded: at most 2^22 objects.
  /// \throw Error  if it is damaged, asks for a global that is not on the list (the message names
  ///               it), or uses an operation that needs one
  static PickleDocument parse(std::string const& bytes);

  PickleNode const& operator[](int32_t index) const { return nodes_[static_cast<size_t>(index)]; }
  int32_t root() const { return root_; }
  /// The value of a text key of a dict; -1 if there is none.
  int32_t find(int32_t dict, std::string const& key) const;

 private:
  friend class Unpickler;
  std::vector<PickleNode> nodes_;
  int32_t root_ = 0;
};

std::string to_string(PickleKind kind);

/// torch's name of the storage of a type: "FloatStorage". \throw Error  if it is not on the list
std::string storage_type_name(c10::ScalarType type);

}  // namespace eddyline
