#include "surrogates/morph/embedding.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/layers/query_pool.hpp"

namespace eddyline {
namespace {

constexpr int64_t kFirstWidth = 8;
constexpr double kSlope = 0.2;

std::vector<int64_t> divisors(int64_t value) {
  std::vector<int64_t> found;
  for (int64_t d = 1; d <= std::min<int64_t>(value, 32); ++d) {
    if (value % d == 0) {
      found.push_back(d);
    }
  }
  return found;
}

/// On an axis of length 1 only the middle slice of a kernel meets data; the others would read
/// zeros.
at::Tensor live_kernel(at::Tensor weight, at::IntArrayRef volume) {
  for (int64_t axis = 2; axis < 5; ++axis) {
    if (volume[static_cast<size_t>(axis)] == 1) {
      weight = weight.narrow(axis, 1, 1);
    }
  }
  return weight;
}

/// Same-size convolution, as conv2d where D has length 1; channels last is several times faster.
at::Tensor convolve(at::Tensor const& images, at::Tensor const& weight) {
  auto const pad = [&](int64_t axis) { return weight.size(axis) / 2; };
  if (images.size(2) == 1) {
    return at::conv2d(images.squeeze(2).contiguous(at::MemoryFormat::ChannelsLast),
                      weight.squeeze(2).contiguous(at::MemoryFormat::ChannelsLast),
                      {},
                      1,
                      {pad(3), pad(4)})
        .unsqueeze(2);
  }
  return at::conv3d(images.contiguous(at::MemoryFormat::ChannelsLast3d),
                    weight.contiguous(at::MemoryFormat::ChannelsLast3d),
                    {},
                    1,
                    {pad(2), pad(3), pad(4)});
}

/// (M, f, D, H, W) → (M, n, V·f): patches gD, gH, gW; inside a patch cells first, then filters,
/// which is how channels-last memory lies.
at::Tensor patchify(at::Tensor const& features, PatchGrid const& grid) {
  auto const& g = grid.count;
  auto const& q = grid.patch;
  return features.unflatten(4, {g[2], q[2]})
      .unflatten(3, {g[1], q[1]})
      .unflatten(2, {g[0], q[0]})
      .permute({0, 2, 4, 6, 3, 5, 7, 1})
      .reshape({features.size(0), grid.patches(), grid.cells() * features.size(1)});
}

}  // namespace

PatchGrid patch_grid(std::array<int64_t, 3> volume, std::array<int64_t, 3> patch) {
  PatchGrid grid{};
  for (size_t a = 0; a < 3; ++a) {
    grid.patch[a] = volume[a] == 1 ? 1 : patch[a];
    require(volume[a] % grid.patch[a] == 0,
            "axis ",
            "DHW"[a],
            " has ",
            volume[a],
            " points, not a multiple of patch ",
            patch[a],
            "; set model.patch there to one of ",
            divisors(volume[a]),
            " or use data.fit crop or pad");
    grid.count[a] = volume[a] / grid.patch[a];
  }
  return grid;
}

ConvFeatures::ConvFeatures(int64_t components, int64_t filters) {
  input_proj = register_module(
      "input_proj",
      std::make_shared<ConvWeight>(std::vector<int64_t>{kFirstWidth, components, 1, 1, 1}));
  conv_stack = register_module("conv_stack", std::make_shared<torch::nn::Module>());
  auto const add = [this](int64_t in, int64_t out) {
    // Odd places of upstream's sequence are the activations.
    auto const name = std::to_string(2 * convolutions_.size());
    convolutions_.push_back(conv_stack->register_module(
        name, std::make_shared<ConvWeight>(std::vector<int64_t>{out, in, 3, 3, 3})));
    return out;
  };
  int64_t width = kFirstWidth;
  while (width < filters) {
    width = add(width, std::min(2 * width, filters));
  }
  add(width, filters);
}

at::Tensor ConvFeatures::forward(at::Tensor const& images) const {
  auto const mix = input_proj->weight.narrow(1, 0, images.size(1))
                       .flatten(1);  // (8, C): padded components read zeros
  // 1×1×1 and the first 3×3×3 are linear with nothing between, so one convolution of their product
  // does for both. Not where gradients are wanted: its other rounding moves values across
  // LeakyReLU's kink, and one of 98304 moved a gradient by 7e-4 of its size.
  bool const compose = !at::GradMode::is_enabled();
  auto x = compose ? images : at::matmul(images.movedim(1, -1), mix.t()).movedim(-1, 1);
  for (size_t i = 0; i < convolutions_.size(); ++i) {
    auto weight = live_kernel(convolutions_[i]->weight, images.sizes());
    if (i == 0 && compose) {
      weight = at::matmul(weight.movedim(1, -1), mix).movedim(-1, 1);  // (f, C, 3, 3, 3)
    }
    x = at::leaky_relu(convolve(x, weight), kSlope);
  }
  return x;
}

FieldAttention::FieldAttention(int64_t dim, int64_t heads) : heads_(heads) {
  q = register_parameter("q", at::zeros({1, 1, dim}));
  attn = register_module("attn", std::make_shared<PackedAttention>(dim));
}

at::Tensor FieldAttention::forward(at::Tensor const& tokens, Pass const& pass) const {
  return QueryPool{*attn, q, heads_}.pool(tokens, 2, pass);
}

PatchEmbedding::PatchEmbedding(MorphConfig const& config) : patch_(config.patch) {
  auto const shape = shape_of(config);
  auto const most_cells = config.patch[2] * config.patch[2] *
                          config.patch[2];  // upstream: the cube of the W patch, always
  conv_features = register_module(
      "conv_features", std::make_shared<ConvFeatures>(config.max_components, shape.filters));
  projection = register_module("projection",
                               std::make_shared<Linear>(shape.filters * most_cells, shape.dim));
  field_attn =
      register_module("field_attn", std::make_shared<FieldAttention>(shape.dim, config.heads_xa));
}

at::Tensor PatchEmbedding::forward(at::Tensor const& features,
                                   std::array<int64_t, 3> fields,
                                   Pass const& pass) const {
  auto const grid = patch_grid({features.size(2), features.size(3), features.size(4)}, patch_);
  auto const filters = features.size(1);
  // Upstream pads the features with zeros to the width of the weight: only its first columns count.
  auto const weight = projection->weight.narrow(1, 0, filters * grid.cells())
                          .unflatten(1, {filters, grid.cells()})
                          .transpose(1, 2)
                          .flatten(1);
  auto const tokens =
      apply_linear(patchify(features, grid), weight, projection->bias, pass.precision);
  return field_attn->forward(tokens.view({fields[0], fields[1], fields[2], grid.patches(), -1}),
                             pass);
}

PositionTable::PositionTable(MorphConfig const& config) : bilinear_(uses_bilinear(config)) {
  pos_embedding = register_parameter(
      "pos_embedding", at::zeros({1, config.max_ar, config.max_patches, shape_of(config).dim}));
}

at::Tensor PositionTable::forward(int64_t frames, int64_t patches) const {
  if (bilinear_) {
    auto const table = pos_embedding.permute({0, 3, 1, 2});
    return at::_upsample_bilinear2d_aa(table, {frames, patches}, false).permute({0, 2, 3, 1});
  }
  auto const rows = pos_embedding.narrow(1, 0, frames);
  if (patches == rows.size(2)) {
    return rows;
  }
  return at::upsample_linear1d(rows[0].transpose(1, 2), {patches}, false)
      .transpose(1, 2)
      .unsqueeze(0);
}

}  // namespace eddyline
