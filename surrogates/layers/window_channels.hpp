#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "data/batch.hpp"
#include "surrogates/layers/extras.hpp"
#include "surrogates/registry.hpp"

namespace eddyline {

/// A window as one image, for networks that know no time: the channels of its frames, the oldest
/// first, then constant fields, then scalars, each uniform in space.
class WindowChannels {
 public:
  struct Options {
    int64_t history = 1;  ///< frames
    Extras constants = Extras::ignore;
    Extras scalars = Extras::ignore;
  };
  WindowChannels(Options const& options, SurrogateSpec const& spec);

  /// Channels of the image.
  int64_t inputs() const { return history_ * fields_ + constants_ + scalars_; }
  /// Channels of a predicted frame.
  int64_t outputs() const { return outputs_; }

  /// \return (B, inputs, D, H, W); a view of the window where nothing is added
  /// \throw Error  if the batch has other frames or channels, or lacks constants or scalars
  at::Tensor gather(Batch const& batch) const;

 private:
  int64_t history_, fields_, constants_, scalars_, outputs_;
};

}  // namespace eddyline
