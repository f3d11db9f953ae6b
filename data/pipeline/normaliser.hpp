#pragma once

#include <memory>

#include <ATen/core/Tensor.h>

#include "data/batch.hpp"
#include "data/pipeline/data_config.hpp"
#include "data/pipeline/statistics.hpp"

namespace eddyline {

/// Maps physical values to the size that a network likes; used by the loader and, frame by frame,
/// by a rollout. Known input channels are left as they are, but for constant fields (dataset
/// statistics).
///
/// dataset: (x − mean) / std of the training part; a channel whose std is below 1e-6 of its rms is
/// constant
///   to float32 and only centred (scale 1).
/// window: mean and std of the input frames of each sample, missing values left out;
///   scale = sqrt(var + (1e-3 std_train)²), so that a window without variation does not blow up
///   noise.
/// oracle: as the caller gives (oracle_norm()); the future enters, so it is no forecast.
class Normaliser {
 public:
  /// \param fields  the state's fields, known fields: as in the BatchSpec
  Normaliser(Normalisation kind,
             Pooling pooling,
             Statistics const& statistics,
             BatchSpec const& spec);

  Normalisation kind() const { return kind_; }
  /// (1, Ci), or (B, Ci) for `window`, on the device of `input`.
  /// \param input  (B, Ti, Ci, D, H, W) physical, NaN where missing
  Affine input_norm(at::Tensor const& input) const;
  /// The part of an input map that belongs to the output fields: (·, Co).
  Affine target_norm(Affine const& input) const;
  /// Increments x(t + k) − x(t) of the output fields by the training part's deltas: (1, Co) on the
  /// host. For a network that predicts the change: x̂ = (x(t+k) − x(t) − mean_delta) / std_delta.
  Affine increment_norm() const;
  /// Training mean of each input channel (Ci) on the host: what fills missing values.
  at::Tensor fill_values() const { return mean_; }

 private:
  Normalisation kind_;
  Pooling pooling_;
  FieldSet state_fields_;                ///< the input fields that change and are not known
  std::vector<int64_t> outputs_;         ///< output channels among the input's
  at::Tensor mean_, scale_;              ///< (Ci) float32
  at::Tensor mean_delta_, scale_delta_;  ///< (Co)
};

/// MORPH's convention: mean and variance of each field (components pooled) over the whole of
/// `trajectory`, x̂ = (x − mean) / sqrt(var + 1e-6). Source: arXiv 2509.21670 and its public code
/// ("ReVIN"). \param trajectory  (T, C, D, H, W) \return            (1, C)
Affine oracle_norm(at::Tensor const& trajectory, FieldSet const& fields);

/// Replaces NaN by `fill` (one value a channel: (C), or (B, C)) in (B, T, C, D, H, W).
at::Tensor fill_missing(at::Tensor const& values, at::Tensor const& fill);

/// input and target as the surrogate sees them; everything else stays.
Batch normalised(Batch batch);

}  // namespace eddyline
