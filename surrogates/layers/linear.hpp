#pragma once

#include <optional>

#include <torch/nn/module.h>

#include "surrogates/layers/pass.hpp"

namespace eddyline {

/// x Wᵀ + b over the last axis, in bfloat16 with float32 result where the pass says so. `x` is
/// folded to rows first: a product with a strided input would copy the weight once per batch index.
at::Tensor apply_linear(at::Tensor const& x,
                        at::Tensor const& weight,
                        at::Tensor const& bias,
                        Precision precision);

/// y = x Wᵀ + b. Keys `weight` (out, in) and `bias` (out).
class Linear final : public torch::nn::Module {
 public:
  Linear(int64_t in, int64_t out);
  at::Tensor forward(at::Tensor const& x, Pass const& pass) const {
    return apply_linear(x, weight, bias, pass.precision);
  }

  at::Tensor weight, bias;
};

/// Normalises the last axis; keys `weight`, `bias`.
class LayerNorm final : public torch::nn::Module {
 public:
  explicit LayerNorm(int64_t size, double epsilon = 1e-5);
  at::Tensor forward(at::Tensor const& x) const;

  at::Tensor weight, bias;

 private:
  double epsilon_;
};

/// Low-rank adaptation of a frozen layer: y = W₀x + b + (alpha/rank) B A dropout(x). With rank 0 it
/// is the base layer alone, and the keys `A` (rank, in), `B` (out, rank) do not exist.
/// Source: Hu et al. 2021, "LoRA", arXiv 2106.09685, eq. 3.
class LoraLinear final : public torch::nn::Module {
 public:
  struct Options {
    int64_t rank = 0;
    std::optional<double> alpha;  ///< none: 2·rank, so the factor is 2
    double dropout = 0;
    uint64_t site = 0;  ///< of its dropout
  };
  LoraLinear(int64_t in, int64_t out, Options const& options);
  at::Tensor forward(at::Tensor const& x, Pass const& pass) const;
  /// W₀ + (alpha/rank) B A: the weight of a plain layer that gives the same without dropout.
  at::Tensor merged_weight() const;

  at::Tensor A, B;
  std::shared_ptr<Linear> base;

 private:
  Options options_;
  double scale_ = 0;
};

}  // namespace eddyline
