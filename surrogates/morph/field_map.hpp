#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "data/batch.hpp"
#include "surrogates/morph/config.hpp"
#include "surrogates/registry.hpp"

namespace eddyline {

/// Between the channels of a Batch and MORPH's fields × components. Every field is given C
/// components, C being the most that one has: a field with fewer repeats them in turn (a scalar: C
/// copies), and of the copies that the network predicts the mean or the first is taken.
///
/// The network treats all fields alike: the attention between them does not see which is which.
/// With layout `joined` all channels are components of one field, which it does tell apart.
class FieldMap {
 public:
  /// \throw Error  if the data have more fields or components than the configuration allows
  FieldMap(MorphConfig const& config, SurrogateSpec const& spec);

  /// Input fields F, then output fields that are not among them: what the decoder gives.
  int64_t fields() const { return fields_; }
  int64_t decoded_fields() const { return decoded_; }
  int64_t components() const { return components_; }

  /// \return (B, t, F, C, D, H, W)
  /// \throw Error  if the batch has other frames or channels, or lacks constants or scalars
  at::Tensor gather(Batch const& batch) const;
  /// \param prediction  (B, decoded F, C, D, H, W)
  /// \return            (B, 1, Co, D, H, W)
  at::Tensor scatter(at::Tensor const& prediction) const;

 private:
  /// Vectors and scalars as fields of their own.
  void set_side_by_side(MorphConfig const& config, SurrogateSpec const& spec);
  /// Every channel a component of one field.
  void join(SurrogateSpec const& spec);
  void check(MorphConfig const& config, SurrogateSpec const& spec) const;

  int64_t history_ = 1, input_channels_ = 0, constant_channels_ = 0, scalars_ = 0;
  int64_t fields_ = 0, decoded_ = 0, components_ = 1;
  std::vector<int64_t> source_;               ///< F·C: channel among input, constants, scalars
  std::vector<std::vector<int64_t>> copies_;  ///< Co: places among decoded F·C
};

}  // namespace eddyline
