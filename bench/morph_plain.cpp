#include "bench/morph_plain.hpp"

#include <cmath>

#include <ATen/ATen.h>

namespace eddyline::bench {

PlainMorph::PlainMorph(Morph const& morph) : config_(morph.settings()) {
  for (auto const& item : morph.named_parameters()) {
    parameters_[item.key()] = item.value();
  }
}

at::Tensor PlainMorph::linear(at::Tensor const& x, std::string const& name) const {
  return at::linear(x, get(name + ".weight"), get(name + ".bias"));
}

at::Tensor PlainMorph::norm(at::Tensor const& x, std::string const& name) const {
  return at::layer_norm(x, {x.size(-1)}, get(name + ".weight"), get(name + ".bias"));
}

at::Tensor PlainMorph::convolutions(at::Tensor x) const {
  x = at::constant_pad_nd(x, {0, 0, 0, 0, 0, 0, 0, config_.max_components - x.size(1)});
  x = at::conv3d(x, get("patch_embedding.conv_features.input_proj.weight"));
  for (int64_t i = 0;; i += 2) {
    auto const found = parameters_.find("patch_embedding.conv_features.conv_stack." +
                                        std::to_string(i) + ".weight");
    if (found == parameters_.end()) {
      return x;
    }
    x = at::leaky_relu(at::conv3d(x, found->second, {}, 1, 1), 0.2);
  }
}

at::Tensor PlainMorph::cross_attention(at::Tensor const& tokens) const {
  auto const rows = tokens.size(0);
  auto const dim = tokens.size(2);
  auto const head = dim / config_.heads_xa;
  auto const weights = get("patch_embedding.field_attn.attn.in_proj_weight").chunk(3);
  auto const biases = get("patch_embedding.field_attn.attn.in_proj_bias").chunk(3);
  auto const split = [&](at::Tensor const& x) {
    return x.view({rows, -1, config_.heads_xa, head}).transpose(1, 2);
  };
  auto const q = split(at::linear(
      get("patch_embedding.field_attn.q").expand({rows, 1, dim}), weights[0], biases[0]));
  auto const k = split(at::linear(tokens, weights[1], biases[1]));
  auto const v = split(at::linear(tokens, weights[2], biases[2]));
  auto const y = at::scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape({rows, dim});
  return linear(y, "patch_embedding.field_attn.attn.out_proj");
}

at::Tensor PlainMorph::axis_attention(at::Tensor const& u,
                                      int64_t axis,
                                      std::string const& name,
                                      Mode mode) const {
  if (u.size(axis) == 1) {
    return linear(linear(u, name + ".v.base"), name + ".o.base");
  }
  auto const heads = shape_of(config_).heads;
  auto const lines = u.movedim(axis, 4).contiguous();  // (…, L, E)
  auto const split = [&](at::Tensor const& x) {
    return x.view({-1, lines.size(4), heads, x.size(-1) / heads}).transpose(1, 2);
  };
  auto const q = split(linear(lines, name + ".q.base"));
  auto const k = split(linear(lines, name + ".k.base"));
  auto const v = split(linear(lines, name + ".v.base"));
  auto const scores = at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(q.size(3)));
  auto const share = drop(at::softmax(scores, -1), mode);
  auto const y = at::matmul(share, v).transpose(1, 2).reshape(lines.sizes());
  return linear(y, name + ".o.base").movedim(4, axis);
}

at::Tensor PlainMorph::drop(at::Tensor const& x, Mode mode) const {
  return mode == Mode::training ? at::dropout(x, config_.dropout, /*train=*/true) : x;
}

at::Tensor PlainMorph::block(at::Tensor const& x, int64_t index, Mode mode) const {
  auto const name = "transformer_blocks." + std::to_string(index);
  auto u = norm(x, name + ".norm1");
  auto const along = [&](int64_t axis, char const* attention) {
    return axis_attention(u, axis, name + ".axial_attn." + attention, mode);
  };
  if (u.size(1) > 1) {
    u = u + along(1, "attn_t");
  }
  auto const mixed = x + u + along(2, "attn_d") + along(3, "attn_h") + along(4, "attn_w");
  auto const hidden =
      drop(at::gelu(linear(norm(mixed, name + ".norm2"), name + ".mlp.0.base")), mode);
  return mixed + drop(linear(hidden, name + ".mlp.3.base"), mode);
}

at::Tensor PlainMorph::forward(at::Tensor const& volume, Mode mode) const {
  auto const batch = volume.size(0), frames = volume.size(1), fields = volume.size(2),
             components = volume.size(3);
  auto const grid = patch_grid({volume.size(4), volume.size(5), volume.size(6)}, config_.patch);
  auto const& g = grid.count;
  auto const& q = grid.patch;
  auto const n = grid.patches();
  auto features = convolutions(volume.flatten(0, 2));
  features = features.view({batch, frames, fields, -1, g[0], q[0], g[1], q[1], g[2], q[2]})
                 .permute({0, 1, 4, 6, 8, 2, 3, 5, 7, 9})
                 .reshape({batch * frames * n, fields, -1});
  auto const width = get("patch_embedding.projection.weight").size(1);
  features = at::constant_pad_nd(features, {0, width - features.size(2)});
  auto x =
      cross_attention(linear(features, "patch_embedding.projection")).view({batch, frames, n, -1});
  auto const table = get("pos_encoding.pos_embedding");
  if (uses_bilinear(config_)) {
    x = x + at::_upsample_bilinear2d_aa(table.permute({0, 3, 1, 2}), {frames, n}, false)
                .permute({0, 2, 3, 1});
  } else {
    x = x + at::upsample_linear1d(table[0].narrow(0, 0, frames).transpose(1, 2), {n}, false)
                .transpose(1, 2)
                .unsqueeze(0);
  }
  for (int twice = 0; twice < 2; ++twice) {  // upstream drops on positions twice
    x = mode == Mode::training ? at::dropout(x, config_.emb_dropout, /*train=*/true) : x;
  }
  x = x.view({batch, frames, g[0], g[1], g[2], -1});
  for (int64_t i = 0; i < shape_of(config_).depth; ++i) {
    x = block(x, i, mode);
  }
  auto const cells = linear(norm(x, "decoder.norm"), "decoder.linear")
                         .narrow(-1, 0, fields * components * grid.cells());
  return cells.view({batch, frames, g[0], g[1], g[2], fields, components, q[0], q[1], q[2]})
      .select(1, frames - 1)
      .permute({0, 4, 5, 1, 6, 2, 7, 3, 8})
      .reshape({batch, fields, components, volume.size(4), volume.size(5), volume.size(6)});
}

}  // namespace eddyline::bench
