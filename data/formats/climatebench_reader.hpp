#pragma once

#include "data/formats/registry.hpp"

namespace eddyline {

/// The registry's line for ClimateBench: folders train_val and test of inputs_<simulation>.nc (CO2,
/// SO2, CH4, BC) and outputs_<simulation>.nc (tas, diurnal_temperature_range, pr, pr90), a value a
/// year. What the reader makes of it:
///
/// A simulation is a trajectory, a frame a year; its state has the inputs and then the outputs,
/// members averaged, precipitation in mm/day. Scenarios (ssp…) begin with the last
/// `historical_years` of the historical run where that is in either folder, so that the first
/// scenario year has a history, and no historical year is trained on twice. Parts are whole
/// simulations: test is the folder test, its last `test_years` years with as many before them;
/// valid are the map's `valid`, which train then lacks. Source: Watson-Parris et al. 2022, J. Adv.
/// Model. Earth Syst. 14, e2021MS002954; ClimaX at commit 6d5d354.
FormatEntry climatebench_format();

}  // namespace eddyline
