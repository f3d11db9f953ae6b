#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "core/mesh.hpp"
#include "data/batch.hpp"
#include "data/pipeline/data_config.hpp"
#include "data/pipeline/statistics.hpp"

namespace eddyline {

/// Maps physical values to the size that a network likes; used by the loader for batches and by a
/// rollout for its history. Known input channels stay as they are, but for constant fields, which
/// get the data set's mean and standard deviation.
///
/// - dataset: (x − mean) / std of the training part. A channel whose std is below 1e-6 of its rms
/// is
///   constant to float32 and is only centred (scale 1).
/// - window: mean and variance of each sample's input frames, missing values left out, with
///   scale = sqrt(var + (1e-3 std_train)²), so that a window at rest does not blow up noise.
/// - oracle: oracle_norm() of the sample's trajectory, which the caller gives.
/// - none: x itself.
class Normaliser {
 public:
  /// \throw Error  if the statistics lack a channel of the spec, or an output field is no input but
  ///               would be scaled by one
  Normaliser(Normalisation kind,
             Pooling pooling,
             Statistics const& statistics,
             BatchSpec const& spec);

  Normalisation kind() const { return kind_; }
  /// \param input      (B, Ti, Ci, D, H, W) physical, NaN where missing
  /// \param state_norm with Normalisation::oracle the maps (B, C) of the state's channels
  /// \return           (1, Ci), or (B, Ci) for window and oracle, on the device of `input`
  Affine input_norm(at::Tensor const& input, Affine const& state_norm = {}) const;
  /// The same where `input` holds this rank's block of each sample: the window's moments are those
  /// of all ranks of the group. Collective over it. \param group  null: samples are whole
  Affine input_norm(at::Tensor const& input, Mesh::Group const& group) const;
  /// The part of an input map that belongs to the output fields, (·, Co); for fields that are no
  /// inputs that of the training part.
  Affine target_norm(Affine const& input) const;
  /// For a network that predicts the change: mean and deviation of x̂(t + k) − x̂(t) of the output
  /// fields by the training part's deltas, where x̂ is normalised by the data set's scale (or is x,
  /// with Normalisation::none): (1, Co) on `device`. A window's own scale stands for the data
  /// set's, so that the change grows with what it starts from.
  Affine increment_norm(at::Device device) const;
  /// What stands for a missing value: the training mean of each input channel (Ci), on the host;
  /// with Normalisation::window input_norm(…).mean takes its place.
  at::Tensor const& training_mean() const { return training_mean_; }

 private:
  Affine joined_norm(at::Tensor const& input, Affine const& state) const;
  Affine window_norm(at::Tensor const& state, Mesh::Group const& group) const;
  void scale_outputs(Statistics const& statistics, FieldSet const& outputs);

  Normalisation kind_;
  Pooling pooling_;
  FieldSet state_fields_;
  int64_t known_ = 0;                    ///< known channels, behind the state's
  std::vector<int64_t> outputs_;         ///< output channels among the input's; empty: no inputs
  Affine output_norm_;                   ///< (Co): their own, of the training part
  at::Tensor training_mean_;             ///< (Ci), never pooled
  at::Tensor mean_, scale_;              ///< (Ci) float32: dataset, or none
  at::Tensor floor_;                     ///< (C): least scale of a window
  at::Tensor mean_delta_, scale_delta_;  ///< (Co) in units of scale_
};

/// MORPH's convention: mean and variance of each field, components pooled, over the whole of
/// `trajectory` (T, C, D, H, W): x̂ = (x − mean) / sqrt(var + 1e-6). The future enters: for parity
/// only. Source: arXiv 2509.21670 and its public code ("ReVIN").
/// \param group  of the ranks that hold a block of it each (collective); null: it is whole
/// \return       (1, C)
Affine oracle_norm(at::Tensor const& trajectory,
                   FieldSet const& fields,
                   Mesh::Group const& group = {});

/// True where every frame of (B, T, C, D, H, W) is missing (NaN), as on land: (B, C, D, H, W).
at::Tensor missing_throughout(at::Tensor const& frames);

/// Replaces NaN in (B, T, C, D, H, W) by one value a channel, (C), (1, C) or (B, C), in place.
void fill_missing(at::Tensor const& values, at::Tensor const& fill);

/// input, target and forcing as the surrogate sees them; everything else stays.
Batch normalised(Batch batch);

}  // namespace eddyline
