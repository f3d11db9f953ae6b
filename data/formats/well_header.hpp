#pragma once

#include <string>
#include <vector>

#include "data/field/field_set.hpp"
#include "data/field/grid.hpp"
#include "data/formats/stored_array.hpp"
#include "data/hdf5/file.hpp"

namespace eddyline {

/// A number that goes with a file of The Well.
struct WellScalar {
  std::string name;
  Flag sample_varying = Flag::no;
  Flag time_varying = Flag::no;
  std::vector<double> values;  ///< row-major over (samples if varying, frames if varying)

  /// Its values in one sample: one, or one a frame.
  std::vector<double> of_sample(int64_t sample, int64_t frames) const;
};

/// All of a file in The Well's layout but its fields' values.
struct WellHeader {
  std::string dataset_name;
  int64_t trajectories = 0;
  Grid grid;
  std::string time_unit;
  std::vector<std::vector<double>> times;  ///< one list, or one a sample
  FieldSet fields;                         ///< change in time: t0, then t1, then t2
  FieldSet constants;
  std::vector<StoredArray> field_arrays;
  std::vector<StoredArray> constant_arrays;
  std::vector<WellScalar> scalars;
  std::vector<std::string> remarks;

  std::vector<double> const& times_of(int64_t sample) const {
    return times.size() == 1 ? times[0] : times[static_cast<size_t>(sample)];
  }
};

/// \throw Error  naming file, object and attribute that is missing or wrong
WellHeader read_well_header(Hdf5File const& file);

/// Low and high end of each axis as upstream sees them: open unless a condition says otherwise; a
/// condition counts at an end where its mask is true there (masks over several axes: all of them
/// for walls, any for others). \param axes  names, in the fields' order
std::vector<std::array<Boundary, 2>> read_well_boundaries(Hdf5File const& file,
                                                          std::vector<std::string> const& axes,
                                                          std::vector<std::string>& remarks);

}  // namespace eddyline
