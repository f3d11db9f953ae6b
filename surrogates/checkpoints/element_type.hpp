#pragma once

#include <string>

#include <c10/core/ScalarType.h>
#include <hdf5.h>

namespace eddyline {

/// Name of an element type in the attribute `dtype`: "float32", "bfloat16", "bool", …
/// \throw Error  if it cannot be stored
std::string element_type_name(c10::ScalarType type);
/// \throw Error  naming the known ones
c10::ScalarType element_type_named(std::string const& name);
/// The HDF5 type of its bytes, little-endian; the caller closes it with H5Tclose.
hid_t make_hdf5_type(c10::ScalarType type);

}  // namespace eddyline
