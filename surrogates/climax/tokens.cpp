#include "surrogates/climax/tokens.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include "core/entries.hpp"
#include "surrogates/layers/initial.hpp"

namespace eddyline {
namespace {

/// A batched product, in bfloat16 with float32 result where the pass says so.
at::Tensor multiply(at::Tensor const& a, at::Tensor const& b, Precision precision) {
  if (precision == Precision::fp32) {
    return at::bmm(a, b);
  }
  return at::bmm(a.to(at::kBFloat16), b.to(at::kBFloat16)).to(at::kFloat);
}

}  // namespace

at::Tensor cut_patches(at::Tensor const& images, std::array<int64_t, 2> patch) {
  auto const variables = images.size(1);
  auto const cells = images.unflatten(3, {images.size(3) / patch[1], patch[1]})
                         .unflatten(2, {images.size(2) / patch[0], patch[0]})
                         .permute({0, 2, 4, 1, 3, 5})
                         .reshape({-1, variables, patch[0] * patch[1]});
  return at::cat({cells, at::ones({cells.size(0), variables, 1}, cells.options())}, 2);
}

at::Tensor join_patches(at::Tensor const& tokens,
                        std::array<int64_t, 2> patches,
                        std::array<int64_t, 2> patch) {
  return tokens.view({tokens.size(0), patches[0], patches[1], patch[0], patch[1], -1})
      .permute({0, 5, 1, 3, 2, 4})
      .reshape({tokens.size(0), -1, patches[0] * patch[0], patches[1] * patch[1]});
}

at::Tensor rows_of_outputs(at::Tensor const& parameter,
                           std::vector<int64_t> const& outputs,
                           int64_t variables) {
  return take_entries(parameter.unflatten(0, {-1, variables}), 1, outputs).flatten(0, 1);
}

TokenEmbedding::TokenEmbedding(ClimaxConfig const& config) : layout_(config.tokens) {
  auto const variables = static_cast<int64_t>(config.variables.size());
  std::vector<int64_t> const weight = {config.dim, 1, config.patch[1], config.patch[2]};
  if (layout_ == TokenLayout::parallel) {
    auto stack = weight;
    stack.insert(stack.begin(), variables);
    proj_weights_ = register_parameter("proj_weights", at::zeros(stack));
    proj_biases_ = register_parameter("proj_biases", at::zeros({variables, config.dim}));
    return;
  }
  for (int64_t i = 0; i < variables; ++i) {
    auto const own = register_module(std::to_string(i), std::make_shared<torch::nn::Module>());
    auto const proj = own->register_module("proj", std::make_shared<torch::nn::Module>());
    auto const own_weight = proj->register_parameter("weight", at::zeros(weight));
    serial_.emplace_back(own_weight, proj->register_parameter("bias", at::zeros({config.dim})));
  }
}

void TokenEmbedding::initialise(double deviation, RandomKey const& key) {
  at::NoGradGuard const no_grad;
  auto const fill = [&](at::Tensor const& weight, at::Tensor const& bias, int64_t variable) {
    auto own = at::empty({1, weight.numel()});
    fill_normal(own, {key.seed, key.step, 0}, {variable});
    weight.copy_(own.mul_(deviation).view(weight.sizes()));
    auto const bound = 1 / std::sqrt(fan_in(weight));
    own = at::empty({1, bias.numel()});
    fill_uniform(own, {key.seed, key.step, 1}, {variable});
    bias.copy_(own.mul_(2 * bound).sub_(bound).view(bias.sizes()));
  };
  for (size_t v = 0; v < serial_.size(); ++v) {
    fill(serial_[v].first, serial_[v].second, static_cast<int64_t>(v));
  }
  for (int64_t v = 0; layout_ == TokenLayout::parallel && v < proj_weights_.size(0); ++v) {
    fill(proj_weights_[v], proj_biases_[v], v);
  }
}

at::Tensor TokenEmbedding::maps(std::vector<int64_t> const& variables,
                                at::Tensor const& var_embed) const {
  at::Tensor weights, biases;  // (D, Vi, ph·pw), (Vi, D)
  if (layout_ == TokenLayout::parallel) {
    weights = take_entries(proj_weights_, 0, variables).flatten(2).transpose(0, 1);
    biases = take_entries(proj_biases_, 0, variables);
  } else {
    std::vector<at::Tensor> weight_list, bias_list;
    for (auto const v : variables) {
      auto const& [weight, bias] = serial_[static_cast<size_t>(v)];
      weight_list.push_back(weight.flatten(1));
      bias_list.push_back(bias);
    }
    weights = at::stack(weight_list, 1);
    biases = at::stack(bias_list);
  }
  auto const constant = (biases + take_entries(var_embed[0], 0, variables)).t().unsqueeze(2);
  return at::cat({weights, constant}, 2);
}

VariableAttention fold_variables(QueryPool const& by, at::Tensor const& maps) {
  auto const dim = maps.size(0);
  auto const variables = maps.size(1);
  auto const width = maps.size(2);
  auto const flat = maps.reshape({dim, variables * width});
  return {.score_maps = at::matmul(by.key_map(by.projected_query()), flat)  // (heads, Vi·q)
                            .view({by.heads, variables, width})
                            .permute({1, 2, 0}),
          .value_maps = at::matmul(by.attention.in_proj_weight.chunk(3)[2], flat)
                            .view({by.heads, dim / by.heads, variables * width})
                            .transpose(1, 2),
          .value_bias = by.attention.in_proj_bias.chunk(3)[2]};
}

at::Tensor attend_to_variables(VariableAttention const& by,
                               at::Tensor const& cells,
                               Precision precision) {
  auto const scores = at::bmm(cells.transpose(0, 1), by.score_maps);  // (Vi, N, heads)
  auto const share = at::softmax(scores.permute({2, 1, 0}), -1);      // (heads, N, Vi)
  auto const mixed = (share.unsqueeze(-1) * cells).flatten(2);        // (heads, N, Vi·q)
  return multiply(mixed, by.value_maps, precision)                    // (heads, N, D/heads)
             .transpose(0, 1)
             .reshape({cells.size(0), -1}) +
         by.value_bias;
}

at::Tensor aggregate_variables(QueryPool const& by,
                               at::Tensor const& maps,
                               at::Tensor const& cells,
                               Pass const& pass) {
  auto const values = attend_to_variables(fold_variables(by, maps), cells, pass.precision);
  return by.attention.out_proj->forward(values, pass);
}

}  // namespace eddyline
