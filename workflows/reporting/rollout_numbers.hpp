#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "data/hdf5/file.hpp"

namespace eddyline {

/// What of a rollout is drawn.
struct RolloutChoice {
  int64_t trajectory = 0;
  std::vector<std::string> fields;  ///< names of fields or channels; empty: all
  std::vector<int64_t> steps;       ///< those that it does not have are left out; empty: five
  int64_t frames = 40;              ///< most frames of the animation
};

/// Names that RolloutChoice::fields may hold: fields and channels, without truth and error.
std::vector<std::string> drawable_fields(std::filesystem::path const& rollout);

/// Number of trajectories of a rollout.
int64_t trajectories_of(std::filesystem::path const& rollout);

/// Writes into `out` what the pictures of one trajectory are drawn from; index 0 of an axis "2" is
/// the prediction, 1 the truth (NaN where the rollout has none):
///   sums (2, C, S)            mean over the cells that are finite, weighted by their volumes
///                             [field's unit], at `sum_times` (S)
///   spectra (2, C, N, K)      power of the shown frames [unit^2] at `wavenumbers` (K) [rad / unit
///                             of the axes], by radial_power_spectrum
///   planes (F, 2, C, Y, X)    float32, in the middle of z; at most 512 points along an axis
///   x (X), y (Y)              coordinates of the planes' points, ascending
///   steps (F), times (F)      of the planes
/// \return  {"trajectory", "source", "name", "made_by", "time_unit", "has_truth", "channels":
///          [{"name", "unit"}], "x", "y": {"name", "unit"}, "plane": "z = 0.5", "transforms",
///          "shown": planes that are pictures, "animated": planes of the animation}
/// \throw Error  if no frame is there, or none of the steps asked for
nlohmann::json write_rollout_numbers(std::filesystem::path const& rollout,
                                     RolloutChoice const& choice,
                                     Hdf5Group const& out);

}  // namespace eddyline
