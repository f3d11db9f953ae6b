#pragma once

#include <string>

#include "data/field/field_set.hpp"
#include "data/formats/well_statistics.hpp"
#include "data/pipeline/statistics.hpp"

namespace eddyline {

/// One line a channel with units, mean, std and rms of values and of their changes: for a terminal.
std::string statistics_table(Statistics const& statistics, FieldSet const& fields);

/// The same numbers as The Well's stats.yaml orders them: by field, constant fields included.
/// \throw Error  naming a channel that the statistics lack
WellStatistics to_well_statistics(Statistics const& statistics,
                                  FieldSet const& fields,
                                  FieldSet const& constants);

}  // namespace eddyline
