#pragma once

#include <vector>

#include "data/formats/well_writer.hpp"
#include "data/hdf5/file.hpp"

namespace eddyline {

/// A field's data set in a file that is being written.
struct WellTarget {
  Hdf5DataSet data;
  Field field;
  int64_t first_channel = 0;  ///< in the State (or the constants)
};

/// Fields as The Well can hold them: scalars, vectors with a component for each axis, tensors with
/// one for each pair; others are taken apart into scalars `name_component`.
struct WellField {
  Field field;
  int64_t first_channel = 0;
};
std::vector<WellField> well_fields(FieldSet const& fields, int dimensions);

/// Extents of a chunk: one frame of one trajectory, halved along the first long axis until it has
/// at most 8 MiB.
std::vector<int64_t> well_chunk(std::vector<int64_t> shape, int64_t leading);

/// Writes everything but the fields' values: root attributes, dimensions, boundary conditions,
/// scalars and empty data sets. Collective if several ranks have the file open. \param constants
/// receives the data sets of spec.constants
std::vector<WellTarget> write_well_layout(Hdf5File const& file,
                                          WellFileSpec const& spec,
                                          Communicator const& ranks,
                                          std::vector<WellTarget>& constants);

}  // namespace eddyline
