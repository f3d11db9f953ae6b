#include "surrogates/morph/embedding.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/sharding/collectives.hpp"
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

/// Sizes of the whole images of which these are blocks.
std::vector<int64_t> whole_sizes(at::IntArrayRef images, Sharding const* sharding) {
  auto sizes = images.vec();
  for (size_t a = 0; sharding && a < 3; ++a) {
    sizes[a + 2] = sharding->axis(a).total();
  }
  return sizes;
}

/// Same-size convolution and LeakyReLU, as conv2d where D has length 1; channels last is several
/// times faster. On divided axes the neighbours' cells take the place of padding.
at::Tensor convolve_once(at::Tensor images, at::Tensor const& weight, Sharding const* sharding) {
  std::array<int64_t, 5> padding{};
  for (size_t axis = 2; axis < 5; ++axis) {
    auto const width = weight.size(static_cast<int64_t>(axis)) / 2;
    if (sharding && sharding->axis(axis - 2).is_divided()) {
      images = with_halo(images,
                         static_cast<int64_t>(axis),
                         sharding->axis(axis - 2),
                         {width, width},
                         Border::zero);
    } else {
      padding[axis] = width;
    }
  }
  auto const pad = [&](size_t axis) { return padding[axis]; };
  if (images.size(2) == 1 && weight.size(2) == 1) {
    auto y = at::conv2d(images.squeeze(2).contiguous(at::MemoryFormat::ChannelsLast),
                        weight.squeeze(2).contiguous(at::MemoryFormat::ChannelsLast),
                        {},
                        1,
                        {pad(3), pad(4)});
    return at::leaky_relu_(y, kSlope).unsqueeze(2);
  }
  auto y = at::conv3d(images.contiguous(at::MemoryFormat::ChannelsLast3d),
                      weight.contiguous(at::MemoryFormat::ChannelsLast3d),
                      {},
                      1,
                      {pad(2), pad(3), pad(4)});
  return at::leaky_relu_(y, kSlope);
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

PatchGrid patch_grid(MorphConfig const& config, at::IntArrayRef volume, int64_t decoded_fields) {
  require(volume.size() == 7, "MORPH takes (B, t, F, C, D, H, W), not ", volume.size(), " axes");
  require(volume[1] >= 1 && volume[1] <= config.max_ar,
          "the window has ",
          volume[1],
          " frames but model.max_ar is ",
          config.max_ar,
          "; give fewer, or a model with more");
  require(std::max(volume[2], decoded_fields) <= config.max_fields &&
              volume[3] <= config.max_components,
          "the data have ",
          volume[2],
          " fields of ",
          volume[3],
          " components; the model takes ",
          config.max_fields,
          " of ",
          config.max_components);
  auto const grid = patch_grid({volume[4], volume[5], volume[6]}, config.patch);
  require(grid.cells() <= most_cells(config),
          "a patch of ",
          grid.patch[0],
          " × ",
          grid.patch[1],
          " × ",
          grid.patch[2],
          " cells is larger than the cube of model.patch[2] = ",
          config.patch[2],
          "; make the last patch the largest");
  return grid;
}

at::Tensor patchify(at::Tensor const& features, PatchGrid const& grid) {
  auto const& g = grid.count;
  auto const& q = grid.patch;
  return features.unflatten(4, {g[2], q[2]})
      .unflatten(3, {g[1], q[1]})
      .unflatten(2, {g[0], q[0]})
      .permute({0, 2, 4, 6, 3, 5, 7, 1})
      .reshape({features.size(0), grid.patches(), grid.cells() * features.size(1)});
}

at::Tensor unpatchify(at::Tensor const& cells,
                      int64_t fields,
                      int64_t components,
                      PatchGrid const& grid) {
  auto const& g = grid.count;
  auto const& q = grid.patch;
  return cells.view({cells.size(0), g[0], g[1], g[2], fields, components, q[0], q[1], q[2]})
      .permute({0, 4, 5, 1, 6, 2, 7, 3, 8})
      .reshape({cells.size(0), fields, components, g[0] * q[0], g[1] * q[1], g[2] * q[2]});
}

at::Tensor convolve(at::Tensor images,
                    std::vector<at::Tensor> const& kernels,
                    Sharding const* sharding) {
  for (auto const& kernel : kernels) {
    images = convolve_once(images, kernel, sharding);
  }
  return images;
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

at::Tensor ConvFeatures::forward(at::Tensor const& images, Sharding const* sharding) const {
  auto const whole = whole_sizes(images.sizes(), sharding);
  if (!at::GradMode::is_enabled()) {
    return convolve(images, composed_kernels(whole), sharding);
  }
  // Not composed where gradients are wanted: the product's other rounding moves values across
  // LeakyReLU's kink, and one of 98304 moved a gradient by 7e-4 of its size.
  auto const mixed = at::matmul(images.movedim(1, -1), mix_of(images.size(1)).t()).movedim(-1, 1);
  return convolve(mixed, live_kernels(whole), sharding);
}

std::vector<at::Tensor> ConvFeatures::composed_kernels(at::IntArrayRef images) const {
  auto kernels = live_kernels(images);
  kernels[0] = at::matmul(kernels[0].movedim(1, -1), mix_of(images[1])).movedim(-1, 1);
  return kernels;
}

at::Tensor ConvFeatures::mix_of(int64_t components) const {
  return input_proj->weight.narrow(1, 0, components).flatten(1);
}

std::vector<at::Tensor> ConvFeatures::live_kernels(at::IntArrayRef images) const {
  std::vector<at::Tensor> kernels;
  for (auto const& convolution : convolutions_) {
    kernels.push_back(live_kernel(convolution->weight, images));
  }
  return kernels;
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
  conv_features = register_module(
      "conv_features", std::make_shared<ConvFeatures>(config.max_components, shape.filters));
  projection = register_module(
      "projection", std::make_shared<Linear>(shape.filters * most_cells(config), shape.dim));
  field_attn =
      register_module("field_attn", std::make_shared<FieldAttention>(shape.dim, config.heads_xa));
}

at::Tensor PatchEmbedding::forward(at::Tensor const& features,
                                   std::array<int64_t, 3> fields,
                                   Pass const& pass) const {
  auto const grid = patch_grid({features.size(2), features.size(3), features.size(4)}, patch_);
  auto const tokens = apply_linear(
      patchify(features, grid), columns(grid.cells()), projection->bias, pass.precision);
  return field_attn->forward(tokens.view({fields[0], fields[1], fields[2], grid.patches(), -1}),
                             pass);
}

at::Tensor PatchEmbedding::columns(int64_t cells) const {
  auto const filters = conv_features->filters();
  return projection->weight.narrow(1, 0, filters * cells)
      .unflatten(1, {filters, cells})
      .transpose(1, 2)
      .flatten(1);
}

PositionTable::PositionTable(MorphConfig const& config) : bilinear_(uses_bilinear(config)) {
  pos_embedding = register_parameter(
      "pos_embedding", at::zeros({1, config.max_ar, config.max_patches, shape_of(config).dim}));
}

at::Tensor PositionTable::forward(int64_t frames, int64_t patches) const {
  return resampled(pos_embedding, frames, patches);
}

at::Tensor PositionTable::resampled(at::Tensor const& features,
                                    int64_t frames,
                                    int64_t patches) const {
  if (bilinear_) {
    auto const table = features.permute({0, 3, 1, 2});
    return at::_upsample_bilinear2d_aa(table, {frames, patches}, false).permute({0, 2, 3, 1});
  }
  auto const rows = features.narrow(1, 0, frames);
  if (patches == rows.size(2)) {
    return rows;
  }
  return at::upsample_linear1d(rows[0].transpose(1, 2), {patches}, false)
      .transpose(1, 2)
      .unsqueeze(0);
}

at::Tensor PositionTable::forward(int64_t frames, Sharding const& patches) const {
  auto const& block = patches.block();
  auto const& all = block.global;
  std::vector<at::Tensor> slices;
  for (auto const& features : pos_embedding.chunk(patches.mesh().domain().size(), 3)) {
    auto own = resampled(features, frames, all[0] * all[1] * all[2])
                   .unflatten(2, {all[0], all[1], all[2]});
    for (size_t a = 0; a < 3; ++a) {
      own = own.narrow(static_cast<int64_t>(a) + 2, block.box.first[a], block.box.size[a]);
    }
    slices.push_back(own.flatten(2, 4).contiguous());
  }
  return at::cat(slices, 3);
}

}  // namespace eddyline
