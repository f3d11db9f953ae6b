#pragma once

#include <string>

#include "data/batch.hpp"

namespace eddyline {

/// Hours in one unit of time: "s", "min", "h", "d" and longer words for them, "month" and "year"
/// (mean lengths of the Gregorian calendar); 0 if it is none of these.
double hours_in(std::string const& unit);

/// The batch's lead times as ClimaX is told them: hours over 100 as published, so that 72 h are
/// 0.72. \param unit   of times where the data name none \param hours  that are told as 1 \return
/// (B), of the input's type \throw Error  if the batch has no lead times, or they have a unit that
/// is not of time
at::Tensor scaled_lead_time(Batch const& batch, std::string const& unit, double hours = 100);

}  // namespace eddyline
