#include "surrogates/layers/packed_linear.hpp"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

namespace eddyline {
namespace {

using Scalars = c10::List<std::optional<at::Scalar>>;

at::Tensor pack(at::Tensor const& weight) {
  static auto const op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
                             .typed<at::Tensor(at::Tensor const&, std::optional<int64_t>)>();
  return op.call(weight, std::nullopt);
}

at::Tensor packed_product(at::Tensor const& rows,
                          at::Tensor const& packed,
                          at::Tensor const& bias,
                          Activation activation) {
  static auto const op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
                             .typed<at::Tensor(at::Tensor const&,
                                               at::Tensor const&,
                                               std::optional<at::Tensor> const&,
                                               std::string_view,
                                               Scalars,
                                               std::optional<std::string_view>)>();
  bool const gelu = activation == Activation::gelu;
  return op.call(rows,
                 packed,
                 bias.defined() ? std::optional(bias) : std::nullopt,
                 gelu ? "gelu" : "none",
                 Scalars(),
                 gelu ? std::optional<std::string_view>("none") : std::nullopt);
}

at::Tensor plain_product(at::Tensor const& rows,
                         at::Tensor const& weight,
                         at::Tensor const& bias,
                         Activation activation) {
  auto const y = at::linear(rows, weight, bias);
  return activation == Activation::gelu ? at::gelu(y) : y;
}

}  // namespace

PackedLinear::PackedLinear(at::Tensor const& weight, at::Tensor const& bias, Precision precision) {
  at::NoGradGuard const no_grad;
  bool const half = precision == Precision::bf16;
  auto const type = half ? at::kBFloat16 : weight.scalar_type();
  weight_ = weight.detach().to(type, false, true).contiguous();
  bias_ = bias.defined() ? bias.detach().to(type, false, true).contiguous() : bias;
  if (weight.is_cpu() && at::globalContext().userEnabledMkldnn() && (half || type == at::kFloat)) {
    packed_ = pack(weight_);
  }
}

at::Tensor PackedLinear::forward(at::Tensor const& x, Activation activation) const {
  auto shape = x.sizes().vec();
  shape.back() = weight_.size(0);
  auto const rows = x.reshape({-1, x.size(-1)}).to(weight_.scalar_type());
  auto const y = packed_.defined() ? packed_product(rows, packed_, bias_, activation)
                                   : plain_product(rows, weight_, bias_, activation);
  return y.to(x.scalar_type()).view(shape);
}

}  // namespace eddyline
