#include "surrogates/ifactformer/block.hpp"

#include <ATen/ATen.h>

#include "data/sharding/collectives.hpp"
#include "surrogates/ifactformer/mix.hpp"
#include "surrogates/layers/recompute.hpp"

namespace eddyline {
namespace {

constexpr double kRotationBase = 10000;

std::shared_ptr<torch::nn::Module> container(torch::nn::Module& parent, char const* name) {
  return parent.register_module(name, std::make_shared<torch::nn::Module>());
}

/// The sum over `axis`, divided as a mean. Of a sum the backward pass is a view, of a mean a copy.
at::Tensor mean_of(at::Tensor const& sum, int64_t count) {
  return sum * (1.0 / static_cast<double>(count));
}

/// Sums of the block's cells at each place of each axis (B, own, d), over all ranks: (B, n, d).
std::array<at::Tensor, 3> over_ranks(std::array<at::Tensor, 3> const& sums,
                                     Sharding const& sharding) {
  std::vector<at::Tensor> padded;
  std::vector<int64_t> lengths;
  for (size_t a = 0; a < sums.size(); ++a) {
    auto const& axis = sharding.axis(a);
    auto const behind = axis.total() - axis.first() - axis.own();
    padded.push_back(at::constant_pad_nd(sums[a], {0, 0, axis.first(), behind}));
    lengths.push_back(axis.total());
  }
  auto const whole = sum_over(at::cat(padded, 1), sharding.group()).split_with_sizes(lengths, 1);
  return {whole[0], whole[1], whole[2]};
}

}  // namespace

IFactMap::IFactMap(std::vector<int64_t> const& shape, int64_t biases) {
  weight = register_parameter("weight", at::zeros(shape));
  if (biases > 0) {
    bias = register_parameter("bias", at::zeros({biases}));
  }
}

std::array<at::Tensor, 3> axis_means(at::Tensor const& u, Sharding const* sharding) {
  auto const over_z = u.sum(3);  // (B, X, Y, d)
  std::array<at::Tensor, 3> sums = {over_z.sum(2), over_z.sum(1), u.flatten(1, 2).sum(1)};
  if (sharding) {
    sums = over_ranks(sums, *sharding);
  }
  auto const nx = sums[0].size(1), ny = sums[1].size(1), nz = sums[2].size(1);
  return {mean_of(sums[0], ny * nz), mean_of(sums[1], nx * nz), mean_of(sums[2], nx * ny)};
}

AxisPool::AxisPool(int64_t dim) {
  to_in = register_module("to_in", std::make_shared<IFactMap>(std::vector<int64_t>{dim, dim}));
  auto const feed = container(*this, "out_ffn");
  norm_ = feed->register_module("norm", std::make_shared<LayerNorm>(dim));
  auto const net = container(*container(*feed, "fn"), "net");
  widen_ = net->register_module("0", std::make_shared<Linear>(dim, 2 * dim));
  narrow_ = net->register_module("3", std::make_shared<Linear>(dim, dim));
}

at::Tensor AxisPool::forward(at::Tensor const& means, at::Tensor const& reduce) const {
  auto const normed = norm_->forward(at::linear(means, reduce));
  auto const halves = widen_->forward(normed, {}).chunk(2, -1);
  return narrow_->forward(at::gelu(halves[0]) * halves[1], {});
}

LowRankKernel::LowRankKernel(IFactFormerConfig const& config) : heads_(config.heads) {
  auto const width = kIFactKernelWidth * config.dim_head;
  std::vector<int64_t> const shape = {config.heads * width, config.dim};
  to_q = register_module("to_q", std::make_shared<IFactMap>(shape));
  to_k = register_module("to_k", std::make_shared<IFactMap>(shape));
  auto const exponents = at::arange(0, width, 2, at::kFloat) / width;
  inv_freq = container(*this, "pos_emb")
                 ->register_buffer("inv_freq", 1.0 / at::pow(kRotationBase, exponents));
}

at::Tensor LowRankKernel::heads(at::Tensor const& tokens,
                                IFactMap const& map,
                                Rotation const& rotation) const {
  return rotation.apply(at::linear(tokens, map.weight).unflatten(-1, {heads_, -1}).transpose(1, 2));
}

at::Tensor LowRankKernel::forward(at::Tensor const& tokens, Rotation const& rotation) const {
  return at::matmul(heads(tokens, *to_q, rotation),
                    heads(tokens, *to_k, rotation).transpose(-1, -2));
}

IFactBlock::IFactBlock(IFactFormerConfig const& config) : variant_(config.variant) {
  auto const dim = config.dim;
  auto const values = config.heads * config.dim_head;
  auto const make_map = [](torch::nn::Module& parent, char const* name, int64_t out, int64_t in) {
    return parent.register_module(name, std::make_shared<IFactMap>(std::vector<int64_t>{out, in}));
  };
  in_norm_ = register_module("in_norm", std::make_shared<LayerNorm>(dim));
  to_v_ = make_map(*this, "to_v", values, dim);
  to_in_ = make_map(*this, "to_in", dim, dim);
  // Upstream's pools of y and z have a rearrangement in the first place.
  char const* const places[] = {"0", "1", "1"};
  char const* const pools[] = {"to_x", "to_y", "to_z"};
  for (size_t a = 0; a < 3; ++a) {
    pools_[a] =
        container(*this, pools[a])->register_module(places[a], std::make_shared<AxisPool>(dim));
  }
  char const* const kernels[] = {"low_rank_kernel_x", "low_rank_kernel_y", "low_rank_kernel_z"};
  for (size_t a = 0; a < 3; ++a) {
    kernels_[a] = register_module(kernels[a], std::make_shared<LowRankKernel>(config));
  }
  auto const out = container(*this, "to_out");
  mix_ = make_map(*out, "2", dim, config.variant == IFactVariant::m ? 3 * values : values);
  last_ = make_map(*out, "4", dim, dim);
}

BlockPlan IFactBlock::plan(AxisCoordinates const& coordinates) const {
  BlockPlan plan;
  for (size_t a = 0; a < 3; ++a) {
    plan.reduce[a] = at::mm(pools_[a]->to_in->weight, to_in_->weight);
    plan.rotations[a] = rotation(coordinates[a], kernels_[a]->inv_freq);
  }
  return plan;
}

MixLayouts IFactBlock::layouts_of(BlockPlan const& plan, Pass const& pass) const {
  std::array<int64_t, 3> cells{};
  for (size_t a = 0; a < cells.size(); ++a) {
    cells[a] = pass.sharding ? pass.sharding->axis(a).own() : plan.rotations[a].cosine.size(0);
  }
  return {variant_, cells, pass.sharding};
}

at::Tensor IFactBlock::mix(at::Tensor const& u,
                           BlockPlan const& plan,
                           Pass const& pass,
                           std::array<at::Tensor, 3>* kernels) const {
  auto const layouts = layouts_of(plan, pass);
  auto const rows = in_norm_->forward(u);
  auto const departed = layouts.depart(rows);
  auto const means = axis_means(rows.unflatten(1, layouts.block()), pass.sharding.get());
  AxisMix mix{.rows = {}, .values = to_v_->weight, .kernels = {}, .output = mix_->weight};
  for (size_t a = 0; a < 3; ++a) {
    auto const tokens = pools_[a]->forward(means[a], plan.reduce[a]);
    mix.kernels[a] = kernels_[a]->forward(tokens, plan.rotations[a]);
  }
  if (kernels) {
    *kernels = mix.kernels;
  }
  mix.rows = departed.arrived();
  return mix_axes(mix, layouts, pass.precision);
}

at::Tensor IFactBlock::forward(at::Tensor const& u,
                               BlockPlan const& plan,
                               Pass const& pass,
                               std::array<at::Tensor, 3>* kernels) const {
  auto const mixed = mix(u, plan, pass, kernels);
  // The lines of a sample that is split are kept, so that its GELU is not.
  auto feed = pass;
  feed.activations = pass.sharding ? Activations::recompute : Activations::keep;
  return run_segment(
      feed, *last_, {mixed}, [last = last_, precision = pass.precision](auto const& in) {
        return apply_linear(at::gelu(in[0]), last->weight, {}, precision);
      });
}

}  // namespace eddyline
