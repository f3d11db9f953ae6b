#pragma once

#include <map>
#include <string>
#include <vector>

#include "data/field/field_set.hpp"
#include "data/field/grid.hpp"
#include "data/formats/pdebench_reader.hpp"
#include "data/formats/stored_array.hpp"
#include "data/hdf5/file.hpp"

namespace eddyline {

/// One trajectory of a file.
struct PdebenchSample {
  std::string group;  ///< "" where samples are an axis
  int64_t sample = 0;
  std::vector<double> times;
  std::map<std::string, double> parameters;
};

/// All of a PDEBench file but its fields' values.
struct PdebenchHeader {
  PdebenchLayout layout = PdebenchLayout::arrays;
  FieldSet fields;
  FieldSet constants;
  std::vector<std::vector<StoredArray>> field_arrays;  ///< for each field its arrays
  std::vector<std::vector<StoredArray>> constant_arrays;
  Grid grid;
  int64_t samples = 1;  ///< extent of the sample axis; 1 for groups
  std::vector<PdebenchSample> trajectories;
  std::vector<std::string> remarks;
};

/// True if the file's names are PDEBench's.
bool looks_like_pdebench(Hdf5Group const& root);
/// \throw Error  naming file, data set and what was expected
PdebenchHeader read_pdebench_header(Hdf5File const& file);

/// Numbers of a YAML text by their keys ("sim.Du" becomes "Du"); what is not a number is left out.
std::map<std::string, double> yaml_numbers(std::string const& text);

}  // namespace eddyline
