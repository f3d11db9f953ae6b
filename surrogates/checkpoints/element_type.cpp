#include "surrogates/checkpoints/element_type.hpp"

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/error.hpp"

namespace eddyline {
namespace {

struct NamedType {
  c10::ScalarType type;
  char const* name;
};

constexpr std::array kTypes = {NamedType{c10::kFloat, "float32"},
                               NamedType{c10::kDouble, "float64"},
                               NamedType{c10::kHalf, "float16"},
                               NamedType{c10::kBFloat16, "bfloat16"},
                               NamedType{c10::kByte, "uint8"},
                               NamedType{c10::kChar, "int8"},
                               NamedType{c10::kShort, "int16"},
                               NamedType{c10::kInt, "int32"},
                               NamedType{c10::kLong, "int64"},
                               NamedType{c10::kBool, "bool"},
                               NamedType{c10::kComplexFloat, "complex64"},
                               NamedType{c10::kComplexDouble, "complex128"}};

hid_t make_half() {
  auto const type = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(type, 15, 10, 5, 0, 10);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, 15);
  return type;
}

/// As h5py stores booleans: an 8-bit enumeration.
hid_t make_bool() {
  auto const type = H5Tenum_create(H5T_STD_I8LE);
  int8_t value = 0;
  H5Tenum_insert(type, "FALSE", &value);
  value = 1;
  H5Tenum_insert(type, "TRUE", &value);
  return type;
}

hid_t make_complex(hid_t part, size_t bytes) {
  auto const type = H5Tcreate(H5T_COMPOUND, 2 * bytes);
  H5Tinsert(type, "r", 0, part);
  H5Tinsert(type, "i", bytes, part);
  return type;
}

}  // namespace

std::string element_type_name(c10::ScalarType type) {
  for (auto const& known : kTypes) {
    if (known.type == type) {
      return known.name;
    }
  }
  throw Error(concat("a tensor of type ",
                     c10::toString(type),
                     " cannot be stored in a checkpoint; convert it first"));
}

c10::ScalarType element_type_named(std::string const& name) {
  std::vector<std::string> names;
  for (auto const& known : kTypes) {
    if (known.name == name) {
      return known.type;
    }
    names.emplace_back(known.name);
  }
  throw Error(concat("there is no element type '", name, "'; known: ", names));
}

hid_t make_hdf5_type(c10::ScalarType type) {
  switch (type) {
    case c10::kFloat:
      return H5Tcopy(H5T_IEEE_F32LE);
    case c10::kDouble:
      return H5Tcopy(H5T_IEEE_F64LE);
    case c10::kHalf:
      return make_half();
    case c10::kBFloat16:
      return H5Tcopy(H5T_STD_U16LE);
    case c10::kByte:
      return H5Tcopy(H5T_STD_U8LE);
    case c10::kChar:
      return H5Tcopy(H5T_STD_I8LE);
    case c10::kShort:
      return H5Tcopy(H5T_STD_I16LE);
    case c10::kInt:
      return H5Tcopy(H5T_STD_I32LE);
    case c10::kLong:
      return H5Tcopy(H5T_STD_I64LE);
    case c10::kBool:
      return make_bool();
    case c10::kComplexFloat:
      return make_complex(H5T_IEEE_F32LE, 4);
    case c10::kComplexDouble:
      return make_complex(H5T_IEEE_F64LE, 8);
    default:
      element_type_name(type);
      return -1;
  }
}

}  // namespace eddyline
