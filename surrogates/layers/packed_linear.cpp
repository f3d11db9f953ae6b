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

/// LibTorch packs weights in bfloat16 for processors with AVX-512 alone.
bool packs_half() {
  static bool const can = [] {
    try {
      pack(at::zeros({16, 16}, at::kBFloat16));
      return true;
    } catch (c10::Error const&) {
      return false;
    }
  }();
  return can;
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

PackedLinear::PackedLinear(at::Tensor const& weight, at::Tensor const& bias, Precision precision)
    : outputs_(weight.size(0)) {
  at::NoGradGuard const no_grad;
  bool const half = precision == Precision::bf16;
  bool const packs = weight.is_cpu() && at::globalContext().userEnabledMkldnn() &&
                     (half ? has_tiles() || packs_half() : weight.scalar_type() == at::kFloat);
  bool const tiled = packs && has_tiles();
  auto const type = tiled ? at::kFloat : half ? at::kBFloat16 : weight.scalar_type();
  bias_ = bias.defined() ? bias.detach().to(type, false, true).contiguous() : bias;
  if (tiled) {
    tiles_ = TileMatrix(weight.detach().to(type), precision);
    return;
  }
  weight_ = weight.detach().to(type, false, true).contiguous();
  if (packs) {
    packed_ = pack(weight_);
  }
}

at::Tensor PackedLinear::rows_of(at::Tensor const& x) const {
  auto const rows =
      x.reshape({-1, x.size(-1)}).to(tiles_.defined() ? at::kFloat : weight_.scalar_type());
  return rows.stride(1) == 1 ? rows : rows.contiguous();
}

at::Tensor PackedLinear::forward(at::Tensor const& x, Activation activation) const {
  auto shape = x.sizes().vec();
  shape.back() = outputs_;
  auto const rows = rows_of(x);
  at::Tensor y;
  if (tiles_.defined()) {
    y = at::empty({rows.size(0), outputs_}, rows.options());
    tiles_.multiply(rows, y, {.bias = bias_, .activation = activation});
  } else {
    y = packed_.defined() ? packed_product(rows, packed_, bias_, activation)
                          : plain_product(rows, weight_, bias_, activation);
  }
  return y.to(x.scalar_type()).view(shape);
}

void PackedLinear::add_to(at::Tensor const& y, at::Tensor const& x) const {
  if (tiles_.defined() && y.scalar_type() == at::kFloat) {
    tiles_.multiply(
        rows_of(x), y.view({-1, outputs_}), {.bias = bias_, .into = TileEnd::Into::onto});
  } else {
    y.add_(forward(x));
  }
}

}  // namespace eddyline
