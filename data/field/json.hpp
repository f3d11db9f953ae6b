#pragma once

#include <nlohmann/json_fwd.hpp>

#include "data/field/field_set.hpp"
#include "data/field/grid.hpp"

namespace eddyline {

/// Fields as a list of {name, components, units, order}.
nlohmann::json to_json(FieldSet const& fields);
/// \throw Error  naming the key that is missing or wrong
FieldSet field_set_from_json(nlohmann::json const& json);

/// A grid as {geometry, axes: [{name, units, boundaries, coordinates, edges}]}; only named axes are
/// listed. Numbers keep all their bits.
nlohmann::json to_json(Grid const& grid);
/// \throw Error  naming the key that is missing or wrong
Grid grid_from_json(nlohmann::json const& json);

}  // namespace eddyline
