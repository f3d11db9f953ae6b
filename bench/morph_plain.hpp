#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "surrogates/morph/morph.hpp"

namespace eddyline::bench {

/// Whether dropout acts, drawn by LibTorch's own generator.
enum class Mode { evaluation, training };

/// MORPH written op by op as the specification reads, on the parameters of a Morph: features padded
/// to the weight's width, kernels always 3-D, every query and key of an axis longer than one, every
/// frame and every row of the decoder. What the layers under surrogates/morph save is measured
/// against it.
class PlainMorph {
 public:
  explicit PlainMorph(Morph const& morph);
  /// \param volume  (B, t, F, C, D, H, W)
  /// \return        (B, F, C, D, H, W)
  at::Tensor forward(at::Tensor const& volume, Mode mode = Mode::evaluation) const;

 private:
  at::Tensor const& get(std::string const& name) const { return parameters_.at(name); }
  at::Tensor linear(at::Tensor const& x, std::string const& name) const;
  at::Tensor norm(at::Tensor const& x, std::string const& name) const;
  at::Tensor convolutions(at::Tensor x) const;
  at::Tensor cross_attention(at::Tensor const& tokens) const;
  at::Tensor axis_attention(at::Tensor const& u,
                            int64_t axis,
                            std::string const& name,
                            Mode mode) const;
  at::Tensor block(at::Tensor const& x, int64_t index, Mode mode) const;
  at::Tensor drop(at::Tensor const& x, Mode mode) const;

  std::map<std::string, at::Tensor> parameters_;
  MorphConfig config_;
};

}  // namespace eddyline::bench
