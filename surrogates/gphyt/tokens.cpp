#include "surrogates/gphyt/tokens.hpp"

#include <algorithm>
#include <array>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/sharding/coarse_parts.hpp"
#include "data/sharding/collectives.hpp"
#include "surrogates/layers/convolution.hpp"
#include "surrogates/layers/linear.hpp"

namespace eddyline {
namespace {

constexpr double kNormEpsilon = 1e-5;
constexpr int64_t kKernel = 4;  // of a convolution of stride 2 or 4

GphytPatch patch_of(GphytConfig const& config) {
  return {config.time_patch, config.patch[1], config.patch[2]};
}

bool is_local(GphytEndConfig const& end) {
  return end.mode == GphytTokens::linear && end.overlap == 0;
}

/// The instance norm of samples that are split, by sums over the ranks.
at::Tensor normalise_split(at::Tensor const& x, GphytMap const& norm, Sharding const& cells) {
  std::vector<int64_t> const over = {2, 3, 4};
  auto const& block = cells.block();
  auto const count = c10::multiply_integers(x.sizes().slice(2)) *
                     Box{.size = block.global}.cells() / block.box.cells();
  auto const mean_of = [&](at::Tensor const& values) {
    return sum_over(values.sum(over, /*keepdim=*/true), cells.group()) / static_cast<double>(count);
  };
  auto const channels = [](at::Tensor const& parameter) { return parameter.view({-1, 1, 1, 1}); };
  auto const centred = x - mean_of(x);
  auto const scale = at::rsqrt(mean_of(centred.square()) + kNormEpsilon);
  return centred * scale * channels(norm.weight) + channels(norm.bias);
}

/// x with the neighbours' cells on both sides of divided axes, and the padding of the others.
std::pair<at::Tensor, std::vector<int64_t>> with_neighbours(at::Tensor x,
                                                            GphytConvolution const& layer,
                                                            Sharding const* cells) {
  auto padding = layer.padding;
  for (size_t a = 1; cells && a < 3; ++a) {
    if (cells->axis(a).is_divided()) {
      auto const axis = static_cast<int64_t>(a) + 2;
      auto const reach = layer.map->weight.size(axis) - padding[a] - layer.stride[a];
      x = with_halo(x,
                    axis,
                    coarse_parts(cells, a, x.size(axis)),
                    {padding[a], std::max<int64_t>(reach, 0)},
                    Border::zero);
      padding[a] = 0;
    }
  }
  return {x, padding};
}

at::Tensor normalise(at::Tensor const& x,
                     std::shared_ptr<GphytMap> const& norm,
                     Sharding const* cells) {
  if (!norm) {
    return x;
  }
  if (cells) {
    return at::gelu(normalise_split(x, *norm, *cells));
  }
  return at::gelu(at::instance_norm(x,
                                    norm->weight,
                                    norm->bias,
                                    /*running_mean=*/{},
                                    /*running_var=*/{},
                                    /*use_input_stats=*/true,
                                    /*momentum=*/0,
                                    kNormEpsilon,
                                    /*cudnn_enabled=*/true));
}

std::vector<int64_t> joined(int64_t first, std::vector<int64_t> const& inner, int64_t last) {
  std::vector<int64_t> all = {first};
  all.insert(all.end(), inner.begin(), inner.end());
  all.push_back(last);
  return all;
}

/// Strides {T, H, W} of every layer, the finest grid's first.
std::vector<std::vector<int64_t>> layer_strides(GphytPatch patch,
                                                int64_t layers,
                                                std::string const& key) {
  std::vector<std::vector<int64_t>> strides(static_cast<size_t>(layers));
  for (auto const along : patch) {
    auto const axis = strides_of(along, layers, key);
    for (size_t i = 0; i < axis.size(); ++i) {
      strides[i].push_back(axis[i]);
    }
  }
  return strides;
}

/// A transposed convolution. On divided axes the neighbours' tokens that reach into the block take
/// part, and what lies outside of it is cut off.
at::Tensor spread(at::Tensor x, GphytConvolution const& layer, Sharding const* cells) {
  std::array<int64_t, 3> reach{}, own{};
  for (size_t a = 1; cells && a < 3; ++a) {
    auto const axis = static_cast<int64_t>(a) + 2;
    own[a] = x.size(axis);
    if (cells->axis(a).is_divided()) {
      reach[a] = (layer.padding[a] + layer.stride[a] - 1) / layer.stride[a];
      auto const parts = coarse_parts(cells, a, own[a]);
      x = with_halo(x, axis, parts, {reach[a], reach[a]}, Border::zero);
    }
  }
  auto y = convolve(
      x,
      layer.map->weight,
      layer.map->bias,
      {.stride = layer.stride, .padding = layer.padding, .kind = ConvolutionKind::transposed});
  for (size_t a = 1; cells && a < 3; ++a) {
    auto const stride = layer.stride[a];
    y = y.narrow(static_cast<int64_t>(a) + 2, reach[a] * stride, own[a] * stride);
  }
  return y;
}

/// Registers layer `i` of a stack as "<i>.0" and, unless it is the last, "<i>.1".
GphytConvolution add_layer(torch::nn::Module& stack,
                           std::string const& name,
                           std::vector<int64_t> const& shape,
                           int64_t outputs,
                           bool is_last) {
  auto const layer = stack.register_module(name, std::make_shared<torch::nn::Module>());
  GphytConvolution made;
  made.map = layer->register_module("0", std::make_shared<GphytMap>(shape, outputs));
  if (!is_last) {
    made.norm = layer->register_module(
        "1", std::make_shared<GphytMap>(std::vector<int64_t>{outputs}, outputs));
    at::NoGradGuard const no_grad;
    made.norm->weight.fill_(1);
  }
  return made;
}

}  // namespace

GphytCounts patch_counts(std::array<int64_t, 3> frames, GphytPatch patch) {
  GphytCounts counts{};
  for (size_t a = 0; a < 3; ++a) {
    require(frames[a] >= patch[a] && frames[a] % patch[a] == 0,
            "axis ",
            "THW"[a],
            " has ",
            frames[a],
            a == 0 ? " frames" : " points",
            ", not a multiple of patch ",
            patch[a],
            "; set ",
            a == 0 ? "model.time_patch" : "model.patch",
            " there to a divisor",
            a == 0 ? "" : ", or use data.fit crop or pad");
    counts[a] = frames[a] / patch[a];
  }
  return counts;
}

std::vector<int64_t> strides_of(int64_t patch, int64_t layers, std::string const& key) {
  std::vector<int64_t> strides(static_cast<size_t>(layers), 2);
  auto const all = int64_t{1} << std::min<int64_t>(layers, 62);
  if (all < patch) {
    for (int64_t i = 0; i < layers && (int64_t{1} << i) < patch / all; ++i) {
      strides[static_cast<size_t>(i)] *= 2;
    }
  }
  for (int64_t i = 0; i < layers && (all >> i) > patch; ++i) {
    strides[static_cast<size_t>(layers - 1 - i)] = 1;
  }
  int64_t reached = 1;
  for (auto const stride : strides) {
    reached *= stride;
  }
  require(reached == patch,
          "the ",
          layers,
          " convolutions of model.",
          key,
          " have strides ",
          strides,
          " where the patch is ",
          patch,
          "; they make powers of 2 up to 4 to the number of convolutions: change model.patch or "
          "model.time_patch, or give more model.",
          key,
          ".channels");
  return strides;
}

at::Tensor frames_of_patches(at::Tensor const& values, GphytPatch patch) {
  auto const b = values.size(0), t = values.size(1), h = values.size(2), w = values.size(3);
  auto const fields = values.size(4) / (patch[0] * patch[1] * patch[2]);
  return values.view({b, t, h, w, fields, patch[0], patch[1], patch[2]})
      .permute({0, 1, 5, 4, 2, 6, 3, 7})
      .reshape({b, t * patch[0], fields, h * patch[1], w * patch[2]});
}

GphytMap::GphytMap(std::vector<int64_t> const& shape, int64_t outputs) {
  weight = register_parameter("weight", at::zeros(shape));
  bias = register_parameter("bias", at::zeros({outputs}));
}

GphytTokenizer::GphytTokenizer(GphytConfig const& config, int64_t channels)
    : patch_(patch_of(config)), local_(eddyline::is_local(config.tokenizer)) {
  auto const dim = shape_of(config).hidden_dim;
  auto const& end = config.tokenizer;
  auto const inside = register_module("tokenizer", std::make_shared<torch::nn::Module>());
  if (end.mode == GphytTokens::linear) {
    auto const k = end.overlap;
    std::vector<int64_t> const shape = {dim, channels, patch_[0] + k, patch_[1] + k, patch_[2] + k};
    // Place 0 of upstream's sequence moves axes.
    auto const map =
        inside->register_module("to_patch_embedding", std::make_shared<torch::nn::Module>())
            ->register_module("1", std::make_shared<GphytMap>(shape, dim));
    layers_.push_back({.map = map,
                       .stride = {patch_[0], patch_[1], patch_[2]},
                       .padding = {k / 2, k / 2, k / 2}});
    return;
  }
  auto const widths = joined(channels, inner_channels(config, end), dim);
  auto const count = widths.size() - 1;
  auto const strides = layer_strides(patch_, static_cast<int64_t>(count), "tokenizer");
  auto const stack = inside->register_module("encoder", std::make_shared<torch::nn::Module>());
  for (size_t i = 0; i < count; ++i) {
    std::vector<int64_t> shape = {widths[i + 1], widths[i]};
    std::vector<int64_t> padding;
    for (auto const stride : strides[i]) {
      shape.push_back(stride == 1 ? 1 : kKernel);
      padding.push_back(stride == 1 ? 0 : 1);
    }
    auto layer =
        add_layer(*stack, std::to_string(i + 1), shape, widths[i + 1], /*is_last=*/i + 1 == count);
    layer.stride = strides[i];
    layer.padding = padding;
    layers_.push_back(layer);
  }
}

at::Tensor GphytTokenizer::forward(at::Tensor const& x,
                                   Precision precision,
                                   Sharding const* cells) const {
  auto const counts = patch_counts({x.size(1), x.size(3), x.size(4)}, patch_);
  if (local_) {
    auto const& map = *layers_.front().map;
    auto const rows = x.view({x.size(0),
                              counts[0],
                              patch_[0],
                              x.size(2),
                              counts[1],
                              patch_[1],
                              counts[2],
                              patch_[2]})
                          .permute({0, 1, 4, 6, 3, 2, 5, 7})
                          .reshape({x.size(0),
                                    counts[0],
                                    counts[1],
                                    counts[2],
                                    map.weight.numel() / map.weight.size(0)});
    return apply_linear(rows, map.weight.flatten(1), map.bias, precision);
  }
  auto y = x.transpose(1, 2);  // (B, channels, T, H, W)
  for (auto const& layer : layers_) {
    auto const [around, padding] = with_neighbours(y, layer, cells);
    auto const gathered = convolve(for_products(around, precision),
                                   layer.map->weight,
                                   layer.map->bias,
                                   {.stride = layer.stride, .padding = padding});
    y = normalise(gathered, layer.norm, cells);
  }
  return y.permute({0, 2, 3, 4, 1}).contiguous();
}

GphytDetokenizer::GphytDetokenizer(GphytConfig const& config, int64_t fields)
    : patch_(patch_of(config)), local_(eddyline::is_local(config.detokenizer)) {
  auto const dim = shape_of(config).hidden_dim;
  auto const& end = config.detokenizer;
  auto const inside = register_module("detokenizer", std::make_shared<torch::nn::Module>());
  if (end.mode == GphytTokens::linear) {
    auto const k = end.overlap;
    std::vector<int64_t> const shape = {dim, fields, patch_[0] + k, patch_[1] + k, patch_[2] + k};
    auto const map =
        inside->register_module("from_patch_embedding", std::make_shared<torch::nn::Module>())
            ->register_module("1", std::make_shared<GphytMap>(shape, fields));
    layers_.push_back({.map = map,
                       .stride = {patch_[0], patch_[1], patch_[2]},
                       .padding = {k / 2, k / 2, k / 2}});
    return;
  }
  auto const widths = joined(dim, inner_channels(config, end), fields);
  auto const count = widths.size() - 1;
  auto const strides = layer_strides(patch_, static_cast<int64_t>(count), "detokenizer");
  auto const stack = inside->register_module("decoder", std::make_shared<torch::nn::Module>());
  for (size_t i = 0; i < count; ++i) {
    auto const& stride = strides[count - 1 - i];
    std::vector<int64_t> const shape = {widths[i], widths[i + 1], stride[0], stride[1], stride[2]};
    auto layer =
        add_layer(*stack, std::to_string(i + 1), shape, widths[i + 1], /*is_last=*/i + 1 == count);
    layer.stride = stride;
    layer.padding = {0, 0, 0};
    layers_.push_back(layer);
  }
}

std::pair<at::Tensor, at::Tensor> GphytDetokenizer::patch_map(int64_t frames) const {
  auto const& map = *layers_.front().map;
  auto const weight = map.weight.narrow(2, patch_[0] - frames, frames);
  auto const fields = map.bias.size(0);
  auto const cells = frames * patch_[1] * patch_[2];
  return {weight.flatten(1).t(), map.bias.unsqueeze(1).expand({fields, cells}).reshape({-1})};
}

at::Tensor GphytDetokenizer::forward_local(at::Tensor const& tokens,
                                           GphytFrames frames,
                                           Precision precision) const {
  bool const last = frames == GphytFrames::last;
  auto const rows = last ? tokens.narrow(1, tokens.size(1) - 1, 1) : tokens;
  auto const depth = last ? 1 : patch_[0];
  auto const [weight, bias] = patch_map(depth);
  return frames_of_patches(apply_linear(rows, weight, bias, precision),
                           {depth, patch_[1], patch_[2]});
}

at::Tensor GphytDetokenizer::forward(at::Tensor const& tokens,
                                     GphytFrames frames,
                                     Precision precision,
                                     Sharding const* cells) const {
  if (local_) {
    return forward_local(tokens, frames, precision);
  }
  auto y = tokens.permute({0, 4, 1, 2, 3});  // (B, C, n_t, n_h, n_w)
  for (auto const& layer : layers_) {
    y = normalise(spread(for_products(y, precision), layer, cells), layer.norm, cells);
  }
  y = y.transpose(1, 2);
  return frames == GphytFrames::last ? y.narrow(1, y.size(1) - 1, 1) : y;
}

}  // namespace eddyline
