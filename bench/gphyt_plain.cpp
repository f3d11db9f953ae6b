#include "bench/gphyt_plain.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline::bench {

PlainGphyt::PlainGphyt(Gphyt const& gphyt) : config_(gphyt.settings()) {
  for (auto const& item : gphyt.named_parameters()) {
    parameters_[item.key()] = item.value();
  }
}

at::Tensor PlainGphyt::linear(at::Tensor const& x, std::string const& name) const {
  return at::linear(x, get(name + ".weight"), get(name + ".bias"));
}

at::Tensor PlainGphyt::norm(at::Tensor const& x, std::string const& name) const {
  return at::layer_norm(x, {x.size(-1)}, get(name + ".weight"), get(name + ".bias"));
}

/// (B, F, T, H, W) → (B, 3F, T, H, W).
at::Tensor PlainGphyt::derivatives(at::Tensor const& x) const {
  at::NoGradGuard const no_grad;
  require(!at::isnan(x).any().item<bool>(), "the input holds NaN");
  auto const fields = x.size(1);
  auto const filter = at::tensor({-1.0F, 0.0F, 1.0F}).to(x.device());
  auto const along = [&](at::IntArrayRef shape, at::IntArrayRef padding) {
    auto const kernel = filter.view(shape).repeat({fields, 1, 1, 1, 1});
    std::vector<int64_t> const one = {1, 1, 1}, none = {0, 0, 0};
    return at::conv3d(
        at::replication_pad3d(x, padding), kernel, at::Tensor(), one, none, one, fields);
  };
  return at::cat({along({1, 1, 3, 1, 1}, {0, 0, 0, 0, 1, 1}),
                  along({1, 1, 1, 3, 1}, {0, 0, 1, 1, 0, 0}),
                  along({1, 1, 1, 1, 3}, {1, 1, 0, 0, 0, 0})},
                 1);
}

/// torch.nn.MultiheadAttention's general path, which averages its maps over the heads.
at::Tensor PlainGphyt::attention(at::Tensor const& z, std::string const& name) const {
  auto const batch = z.size(0), tokens = z.size(1), dim = z.size(2);
  auto const heads = shape_of(config_).num_heads;
  auto const parts = at::linear(z, get(name + ".to_qkv.weight")).chunk(3, -1);
  auto const weights = get(name + ".attention.in_proj_weight").chunk(3);
  auto const biases = get(name + ".attention.in_proj_bias").chunk(3);
  auto const project = [&](size_t part) {
    return at::linear(parts[part].transpose(0, 1), weights[part], biases[part])
        .view({tokens, batch * heads, dim / heads})
        .transpose(0, 1);  // (B·heads, N, d)
  };
  auto const q = project(0) * std::sqrt(static_cast<double>(heads) / static_cast<double>(dim));
  auto const share = at::softmax(at::bmm(q, project(1).transpose(1, 2)), -1);
  auto const mixed =
      at::bmm(share, project(2)).transpose(0, 1).contiguous().view({tokens * batch, dim});
  auto const out = linear(mixed, name + ".attention.out_proj").view({tokens, batch, dim});
  share.view({batch, heads, tokens, tokens}).mean(1);  // asked for, and thrown away
  return out.transpose(0, 1);
}

at::Tensor PlainGphyt::block(at::Tensor const& h, int64_t index) const {
  auto const name = "attention_blocks." + std::to_string(index);
  auto const update =
      attention(norm(h, name + ".norm1").flatten(1, 3), name + ".attention").reshape(h.sizes());
  auto const mixed = h + update;
  auto const hidden = at::gelu(linear(norm(mixed, name + ".norm2"), name + ".mlp.mlp.0"));
  return mixed + linear(hidden, name + ".mlp.mlp.2");
}

at::Tensor PlainGphyt::forward(at::Tensor const& x) const {
  auto const cells = x.permute({0, 4, 1, 2, 3});  // (B, F, T, H, W)
  auto const input = at::cat({cells, derivatives(cells)}, 1);
  std::vector<int64_t> const patch = {config_.time_patch, config_.patch[1], config_.patch[2]};
  std::string const in = "tokenizer.tokenizer.to_patch_embedding.1";
  auto h = at::conv3d(input, get(in + ".weight"), get(in + ".bias"), patch)
               .permute({0, 2, 3, 4, 1})
               .contiguous();
  h = h + get("init_pos_encodings.pe");
  for (int64_t i = 0; i < shape_of(config_).num_layers; ++i) {
    h = block(h, i);
  }
  std::string const out = "detokenizer.detokenizer.from_patch_embedding.1";
  auto const update = at::conv_transpose3d(
      h.permute({0, 4, 1, 2, 3}), get(out + ".weight"), get(out + ".bias"), patch);
  auto const next = x + update.permute({0, 2, 3, 4, 1});
  return next.narrow(1, next.size(1) - 1, 1);
}

}  // namespace eddyline::bench
