#include "bench/climax_plain.hpp"

#include <cmath>

#include <ATen/ATen.h>

namespace eddyline::bench {
namespace {

at::Tensor select(at::Tensor const& values, int64_t axis, std::vector<int64_t> const& places) {
  return values.index_select(axis, at::tensor(places, at::kLong).to(values.device()));
}

}  // namespace

PlainClimax::PlainClimax(Climax const& climax,
                         std::vector<std::string> const& inputs,
                         std::vector<std::string> const& outputs)
    : config_(climax.settings()),
      inputs_(find_variables(config_.variables, inputs, "input")),
      outputs_(find_variables(config_.variables, outputs, "output")) {
  for (auto const& item : climax.named_parameters()) {
    parameters_[item.key()] = item.value();
  }
}

at::Tensor PlainClimax::linear(at::Tensor const& x, std::string const& name) const {
  return at::linear(x, get(name + ".weight"), get(name + ".bias"));
}

at::Tensor PlainClimax::norm(at::Tensor const& x, std::string const& name) const {
  return at::layer_norm(x, {x.size(-1)}, get(name + ".weight"), get(name + ".bias"));
}

at::Tensor PlainClimax::drop(at::Tensor const& x, ClimaxMode mode) const {
  return mode == ClimaxMode::training ? at::dropout(x, config_.dropout, /*train=*/true) : x;
}

at::Tensor PlainClimax::drop_path(at::Tensor const& x, int64_t block, ClimaxMode mode) const {
  auto const p =
      config_.drop_path * static_cast<double>(block) / static_cast<double>(config_.depth - 1);
  if (mode == ClimaxMode::evaluation || p == 0) {
    return x;
  }
  return x * (at::empty({x.size(0), 1, 1}, x.options()).bernoulli_(1 - p) / (1 - p));
}

at::Tensor PlainClimax::tokens(at::Tensor const& images) const {
  std::vector<at::Tensor> embedded;
  for (size_t k = 0; k < inputs_.size(); ++k) {
    auto const name = "token_embeds." + std::to_string(inputs_[k]) + ".proj";
    auto const token = at::conv2d(images.narrow(1, static_cast<int64_t>(k), 1),
                                  get(name + ".weight"),
                                  get(name + ".bias"),
                                  {config_.patch[1], config_.patch[2]});
    embedded.push_back(token.flatten(2).transpose(1, 2));
  }
  return at::stack(embedded, 1) + select(get("var_embed"), 1, inputs_).unsqueeze(2);
}

at::Tensor PlainClimax::aggregate(at::Tensor const& tokens) const {
  auto const rows = tokens.size(0) * tokens.size(2), variables = tokens.size(1), dim = config_.dim;
  auto const x = tokens.permute({0, 2, 1, 3}).flatten(0, 1);  // (B·L, V, D)
  auto const query = get("var_query").repeat_interleave(rows, 0).transpose(0, 1);
  auto const weights = get("var_agg.in_proj_weight").split({dim, 2 * dim});
  auto const biases = get("var_agg.in_proj_bias").split({dim, 2 * dim});
  auto const both = at::linear(x.transpose(0, 1), weights[1], biases[1])
                        .unflatten(-1, {2, dim})
                        .unsqueeze(0)
                        .transpose(0, -2)
                        .squeeze(-2)
                        .contiguous();
  auto const head = dim / config_.heads;
  auto const split = [&](at::Tensor const& y, int64_t length) {
    return y.contiguous().view({length, rows * config_.heads, head}).transpose(0, 1);
  };
  auto const q = split(at::linear(query, weights[0], biases[0]), 1);
  auto const share = at::softmax(at::bmm(q * std::sqrt(1.0 / static_cast<double>(head)),
                                         split(both[0], variables).transpose(-2, -1)),
                                 -1);
  auto const mixed = at::bmm(share, split(both[1], variables)).transpose(0, 1).contiguous();
  return linear(mixed.view({rows, dim}), "var_agg.out_proj").view({tokens.size(0), -1, dim});
}

at::Tensor PlainClimax::attention(at::Tensor const& x, std::string const& name) const {
  auto const head = config_.dim / config_.heads;
  auto const parts = linear(x, name + ".qkv")
                         .reshape({x.size(0), x.size(1), 3, config_.heads, head})
                         .permute({2, 0, 3, 1, 4})
                         .unbind(0);
  auto const scores =
      at::matmul(parts[0], parts[1].transpose(-2, -1)) * std::pow(static_cast<double>(head), -0.5);
  auto const mixed = at::matmul(at::softmax(scores, -1), parts[2]);
  return linear(mixed.transpose(1, 2).reshape(x.sizes()), name + ".proj");
}

at::Tensor PlainClimax::block(at::Tensor const& x, int64_t index, ClimaxMode mode) const {
  auto const name = "blocks." + std::to_string(index);
  auto const attended = drop(attention(norm(x, name + ".norm1"), name + ".attn"), mode);
  auto const mixed = x + drop_path(attended, index, mode);
  auto const hidden = drop(at::gelu(linear(norm(mixed, name + ".norm2"), name + ".mlp.fc1")), mode);
  return mixed + drop_path(drop(linear(hidden, name + ".mlp.fc2"), mode), index, mode);
}

at::Tensor PlainClimax::head(at::Tensor x, at::IntArrayRef cells) const {
  for (int64_t i = 0; i <= config_.decoder_depth; ++i) {
    x = linear(x, "head." + std::to_string(2 * i));
    x = i < config_.decoder_depth ? at::gelu(x) : x;
  }
  auto const p = config_.patch[1], q = config_.patch[2];
  auto const images = x.reshape({x.size(0), cells[0] / p, cells[1] / q, p, q, -1})
                          .permute({0, 5, 1, 3, 2, 4})
                          .reshape({x.size(0), -1, cells[0], cells[1]});
  return select(images, 1, outputs_);
}

at::Tensor PlainClimax::forward(at::Tensor const& images,
                                at::Tensor const& lead_time,
                                ClimaxMode mode) const {
  auto x = aggregate(tokens(images)) + get("pos_embed");
  x = x + linear(lead_time.unsqueeze(-1), "lead_time_embed").unsqueeze(1);
  x = drop(x, mode);
  for (int64_t i = 0; i < config_.depth; ++i) {
    x = block(x, i, mode);
  }
  return head(norm(x, "norm"), images.sizes().slice(2));
}

}  // namespace eddyline::bench
