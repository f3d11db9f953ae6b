#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "data/batch.hpp"

namespace eddyline {

/// What a model learned its data to be: its weights mean nothing on data that differ. Stored with
/// them.
struct DataFacts {
  FieldSet input_fields;
  FieldSet output_fields;
  FieldSet constant_fields;
  std::vector<std::string> scalars;
  Grid grid;  ///< of the input, after data.fit
  std::string time_unit;
  /// From the newest input to the first target [time_unit]; none where the data do not tell.
  std::optional<double> step = 1;
  std::vector<double> more_steps;  ///< further ones that it was trained on (data.strides)
};

DataFacts data_facts(BatchSpec const& spec);
nlohmann::json to_json(DataFacts const& facts);
/// \throw Error  naming the key that is missing
DataFacts data_facts_from_json(nlohmann::json const& json);

/// The differences that a user may allow by name, as `allow: [spacing, step]` takes them.
std::vector<std::string> const& compatibility_names();

/// Refuses data that differ from those a model was trained on, in
///   step        time that a prediction goes ahead, to 1e-3 of it (an unknown one fits any; of
///               several that it was trained on, one must fit)
///   time_unit   its unit (an empty one fits any)
///   fields      names, components and order of fields and scalars
///   units       units of the channels (an empty one fits any)
///   spacing     distances of neighbouring cells on each axis, to 1e-3; the smaller grid may be a
///               part of the larger
///   boundaries  kind of the boundary at each end of each axis
///   geometry    cartesian, lat_lon, spherical; number of dimensions
/// unless it is named in `allow`. Uniform axes may have any number of cells.
/// \param where  what the data are, for the message: "'/scratch/x.hdf5'"
/// \throw Error  naming every difference, both values, and the `allow` that would pass
void check_compatible(DataFacts const& trained,
                      DataFacts const& now,
                      std::vector<std::string> const& allow,
                      std::string const& where);

}  // namespace eddyline
