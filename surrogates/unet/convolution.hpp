#pragma once

#include <cstdint>
#include <vector>

#include <torch/nn/module.h>

#include "data/sharding/collectives.hpp"
#include "data/sharding/sharding.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// One spatial axis of a convolution.
struct ConvolvedAxis {
  size_t grid_axis = 2;          ///< 0: D, 1: H, 2: W
  Border border = Border::zero;  ///< what lies beyond its ends: zeros, or the other end
};

/// A tensor (B, C, cells of one to three axes) with channels as its fastest axis where PyTorch has
/// such a layout: convolutions and linear maps over channels then need no copies.
at::Tensor channels_last(at::Tensor const& x);

/// A convolution's parameters, keys `weight` and `bias`.
class Convolution final : public torch::nn::Module {
 public:
  struct Shape {
    int64_t in = 1, out = 1;
    std::vector<int64_t> kernel;  ///< cells on each axis
    int64_t groups = 1;
  };
  explicit Convolution(Shape const& shape);

  /// The same cells out as in (kernel odd, stride 1).
  /// \param x         (B, in, cells of each axis): of this rank where samples are split
  /// \param sharding  of the finest level's cells; null: samples are whole
  at::Tensor same(at::Tensor const& x,
                  std::vector<ConvolvedAxis> const& axes,
                  Precision precision,
                  Sharding const* sharding = nullptr) const;

  at::Tensor weight;  ///< (out, in / groups, kernel)
  at::Tensor bias;    ///< (out)

 private:
  int64_t groups_;
};

/// Between two levels: the channels of each cell are divided by their norm, then a convolution with
/// kernel and stride 2 (1 on axes that stay) goes down, a transposed one up. Keys
/// `block.0.weight` (in, 1, …), `block.0.bias` (a buffer that upstream stores and never adds),
/// `block.1.weight`, `block.1.bias`.
class Resample final : public torch::nn::Module {
 public:
  enum class Direction { down, up };
  struct Shape {
    int64_t in = 1, out = 1;
    std::vector<int64_t> factor;  ///< 1 or 2 on each axis
    Direction direction = Direction::down;
  };
  explicit Resample(Shape const& shape);
  at::Tensor forward(at::Tensor const& x, Precision precision) const;

 private:
  Shape shape_;
  at::Tensor scale_, weight_, bias_;
};

}  // namespace eddyline
