#include "bench/ifactformer_plain.hpp"

#include <numbers>

#include <ATen/ATen.h>

namespace eddyline::bench {

PlainIFactFormer::PlainIFactFormer(IFactFormer const& network) : config_(network.settings()) {
  for (auto const& item : network.named_parameters()) {
    values_[item.key()] = item.value();
  }
  for (auto const& item : network.named_buffers()) {
    values_[item.key()] = item.value();
  }
}

at::Tensor PlainIFactFormer::linear(at::Tensor const& x, std::string const& name) const {
  auto const bias = values_.find(name + ".bias");
  return at::linear(x, get(name + ".weight"), bias == values_.end() ? at::Tensor() : bias->second);
}

at::Tensor PlainIFactFormer::norm(at::Tensor const& x, std::string const& name) const {
  return at::layer_norm(x, {x.size(-1)}, get(name + ".weight"), get(name + ".bias"));
}

at::Tensor PlainIFactFormer::lift(at::Tensor const& u) const {
  auto const cells = u.sizes().slice(2, 3);
  auto const points = u.permute({0, 5, 1, 2, 3, 4}).flatten(3);  // (B, C, t, N)
  auto const each = at::conv2d(
      points, get("to_in.0.weight"), get("to_in.0.bias"), 1, at::IntArrayRef(0), 1, u.size(5));
  auto const all = at::conv2d(at::gelu(each), get("to_in.2.weight"));  // (B, d, 1, N)
  return all.squeeze(2).transpose(1, 2).contiguous().unflatten(1, cells);
}

at::Tensor PlainIFactFormer::project(at::Tensor const& u) const {
  auto const points = u.flatten(1, 3).transpose(1, 2);  // (B, d, N)
  auto const narrow = at::conv1d(points, get("simple_to_out.1.weight"));
  return at::conv1d(at::gelu(narrow), get("simple_to_out.3.weight"), get("simple_to_out.3.bias"))
      .transpose(1, 2)
      .unflatten(1, u.sizes().slice(1, 3));
}

at::Tensor PlainIFactFormer::position(AxisCoordinates const& coordinates,
                                      std::string const& layer) const {
  std::vector<at::Tensor> const axes(coordinates.begin(), coordinates.end());
  auto const places = at::stack(at::meshgrid(axes, "ij"), -1);  // (X, Y, Z, 3)
  auto const angles = at::matmul(places, get(layer + ".0.0._B")) * (2 * std::numbers::pi);
  return linear(at::cat({angles.sin(), angles.cos()}, -1), layer + ".0.1");
}

at::Tensor PlainIFactFormer::pool(at::Tensor const& w,
                                  size_t axis,
                                  std::string const& block) const {
  std::array<std::string, 3> const names = {".to_x.0", ".to_y.1", ".to_z.1"};
  auto const name = block + names[axis];
  auto const lines = w.movedim(static_cast<int64_t>(axis) + 1, 1).contiguous();
  auto const mean = linear(lines, name + ".to_in").flatten(2, 3).mean(2);
  auto const halves =
      linear(norm(mean, name + ".out_ffn.norm"), name + ".out_ffn.fn.net.0").chunk(2, -1);
  return linear(at::gelu(halves[0]) * halves[1], name + ".out_ffn.fn.net.3");
}

at::Tensor PlainIFactFormer::kernel(at::Tensor const& tokens,
                                    at::Tensor const& coordinate,
                                    std::string const& name) const {
  constexpr double kTurnsPerUnit = 64;
  auto const angles = (coordinate * kTurnsPerUnit).unsqueeze(1) * get(name + ".pos_emb.inv_freq");
  auto const both = at::cat({angles, angles}, -1);
  auto const heads = [&](char const* map) {
    auto const all = linear(tokens, name + map).unflatten(-1, {config_.heads, -1}).transpose(1, 2);
    auto const halves = all.chunk(2, -1);
    return all * both.cos() + at::cat({-halves[1], halves[0]}, -1) * both.sin();
  };
  return at::einsum("bhid,bhjd->bhij", {heads(".to_q"), heads(".to_k")});
}

at::Tensor PlainIFactFormer::block(at::Tensor const& u_in,
                                   AxisCoordinates const& coordinates,
                                   std::string const& name) const {
  auto const u = norm(u_in, name + ".in_norm");
  auto const v = linear(u, name + ".to_v")
                     .unflatten(-1, {config_.heads, config_.dim_head})
                     .permute({0, 4, 1, 2, 3, 5})
                     .contiguous();  // (B, h, X, Y, Z, e)
  auto const w = linear(u, name + ".to_in");
  std::array<std::string, 3> const axes = {"x", "y", "z"};
  std::array<char const*, 3> const contractions = {
      "bhij,bhjmlc->bhimlc", "bhij,bhmjlc->bhmilc", "bhij,bhmljc->bhmlic"};
  std::vector<at::Tensor> parts;
  for (size_t a = 0; a < 3; ++a) {
    auto const k = kernel(pool(w, a, name), coordinates[a], name + ".low_rank_kernel_" + axes[a]);
    parts.push_back(at::einsum(contractions[a], {k, v}));
  }
  auto const columns = at::cat(parts, -1).permute({0, 1, 5, 2, 3, 4}).flatten(1, 2);
  auto const normed = at::instance_norm(columns, {}, {}, {}, {}, true, 0.1, 1e-5, false);
  auto const last = normed.permute({0, 2, 3, 4, 1});
  return linear(at::gelu(linear(last, name + ".to_out.2")), name + ".to_out.4");
}

at::Tensor PlainIFactFormer::forward(at::Tensor const& input,
                                     AxisCoordinates const& coordinates) const {
  auto u = lift(input);
  for (int64_t l = 0; l < config_.depth; ++l) {
    auto const layer = "encoder.layers." + std::to_string(l);
    u = u + position(coordinates, layer);
    for (int64_t i = 0; i < config_.n_layer; ++i) {
      u = u + block(u, coordinates, layer + ".1") / static_cast<double>(config_.n_layer);
    }
  }
  return project(u);
}

}  // namespace eddyline::bench
