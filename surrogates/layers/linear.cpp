#include "surrogates/layers/linear.hpp"

#include <ATen/ATen.h>

namespace eddyline {

at::Tensor apply_linear(at::Tensor const& x,
                        at::Tensor const& weight,
                        at::Tensor const& bias,
                        Precision precision) {
  auto const rows = x.reshape({-1, x.size(-1)});
  auto shape = x.sizes().vec();
  shape.back() = weight.size(0);
  if (precision == Precision::fp32) {
    return at::linear(rows, weight, bias).view(shape);
  }
  auto const type = at::kBFloat16;
  auto const half_bias = bias.defined() ? bias.to(type) : bias;
  return at::linear(rows.to(type), weight.to(type), half_bias).to(at::kFloat).view(shape);
}

Linear::Linear(int64_t in, int64_t out) {
  weight = register_parameter("weight", at::zeros({out, in}));
  bias = register_parameter("bias", at::zeros({out}));
}

LayerNorm::LayerNorm(int64_t size, double epsilon) : epsilon_(epsilon) {
  weight = register_parameter("weight", at::ones({size}));
  bias = register_parameter("bias", at::zeros({size}));
}

at::Tensor LayerNorm::forward(at::Tensor const& x) const {
  return at::layer_norm(x, weight.sizes(), weight, bias, epsilon_);
}

LoraLinear::LoraLinear(int64_t in, int64_t out, Options const& options) : options_(options) {
  if (options.rank > 0) {
    A = register_parameter("A", at::zeros({options.rank, in}));
    B = register_parameter("B", at::zeros({out, options.rank}));
    auto const rank = static_cast<double>(options.rank);
    scale_ = options.alpha.value_or(2 * rank) / rank;
  }
  base = register_module("base", std::make_shared<Linear>(in, out));
}

at::Tensor LoraLinear::forward(at::Tensor const& x, Pass const& pass) const {
  auto const y = base->forward(x, pass);
  if (options_.rank == 0) {
    return y;
  }
  auto const low =
      apply_linear(drop(x, options_.dropout, options_.site, pass), A, {}, pass.precision);
  return y + apply_linear(low, B, {}, pass.precision) * scale_;
}

at::Tensor LoraLinear::merged_weight() const {
  at::NoGradGuard const no_grad;
  return options_.rank == 0 ? base->weight.clone() : base->weight + at::matmul(B, A) * scale_;
}

}  // namespace eddyline
