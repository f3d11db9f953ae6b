#include "surrogates/ifactformer/ifactformer.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "surrogates/ifactformer/frozen.hpp"
#include "surrogates/layers/initial.hpp"
#include "surrogates/layers/recompute.hpp"

namespace eddyline {
namespace {

constexpr double kKernelGain = 0.02;
constexpr double kFourierScale = 8;
constexpr uint64_t kFirstBufferStream = uint64_t{1} << 32;  // parameters count from 0

std::shared_ptr<torch::nn::Module> container(torch::nn::Module& parent, std::string const& name) {
  return parent.register_module(name, std::make_shared<torch::nn::Module>());
}

std::shared_ptr<IFactMap> make_map(torch::nn::Module& parent,
                                   char const* name,
                                   std::vector<int64_t> const& shape,
                                   int64_t biases = 0) {
  return parent.register_module(name, std::make_shared<IFactMap>(shape, biases));
}

/// Xavier uniform for queries and keys, PyTorch's default for all others.
double bound_of(std::string const& name, at::Tensor const& weight) {
  if (name.ends_with(".to_q.weight") || name.ends_with(".to_k.weight")) {
    auto const fans = static_cast<double>(weight.size(0) + weight.size(1));
    return kKernelGain * std::sqrt(6 / fans);
  }
  return 1 / std::sqrt(fan_in(weight));
}

}  // namespace

IFactFormer::IFactFormer(IFactFormerConfig const& config, SurrogateSpec const& spec, uint64_t seed)
    : Surrogate("ifactformer"),
      config_(checked(config)),
      window_(config_, spec),
      grid_(spec.grid),
      coordinates_(window_.coordinates().on(spec.grid)) {
  auto const dim = config_.dim;
  auto const half = dim / 2;
  auto const into = container(*this, "to_in");
  ends_.lift = make_map(*into, "0", {half, 1, 1, 1}, half);
  ends_.gather = make_map(*into, "2", {dim, half, config_.history, 1});
  auto const layers = container(*container(*this, "encoder"), "layers");
  for (int64_t l = 0; l < config_.depth; ++l) {
    auto const layer = container(*layers, std::to_string(l));
    auto const position = container(*layer, "0");
    layers_.push_back(
        {.directions = container(*position, "0")->register_buffer("_B", at::zeros({3, half})),
         .positions = position->register_module("1", std::make_shared<Linear>(dim, dim)),
         .block = layer->register_module("1", std::make_shared<IFactBlock>(config_))});
  }
  auto const out = container(*this, "simple_to_out");
  auto const outputs = spec.output_fields.channels();
  ends_.narrow = make_map(*out, "1", {half, dim, 1});
  ends_.out = make_map(*out, "3", {outputs, half, 1}, outputs);
  initialise(seed);
}

void IFactFormer::initialise(uint64_t seed) {
  auto const items = named_parameters();
  uint64_t index = 0;
  for (auto const& item : items) {
    auto const& name = item.key();
    RandomKey const key{.seed = seed, .step = kInitialStep, .layer = index++};
    if (name.find("norm.") == std::string::npos) {
      auto const weight = name.ends_with(".bias")
                              ? items[name.substr(0, name.size() - 4) + "weight"]
                              : item.value();
      fill_symmetric(item.value(), bound_of(name, weight), key);
    }
  }
  for (size_t l = 0; l < layers_.size(); ++l) {
    fill_gaussian(layers_[l].directions,
                  kFourierScale,
                  {.seed = seed, .step = kInitialStep, .layer = kFirstBufferStream + l});
  }
}

at::Tensor IFactFormer::lift(at::Tensor const& window, Pass const& pass) const {
  return apply_linear(
      lift_channels(window, *ends_.lift), gather_weight(*ends_.gather), {}, pass.precision);
}

at::Tensor IFactFormer::project(at::Tensor const& u, Pass const& pass) const {
  auto const narrow = apply_linear(u, ends_.narrow->weight.squeeze(-1), {}, pass.precision);
  return apply_linear(
      at::gelu(narrow), ends_.out->weight.squeeze(-1), ends_.out->bias, pass.precision);
}

at::Tensor IFactFormer::forward(at::Tensor const& window,
                                AxisCoordinates const& coordinates,
                                Pass const& pass,
                                IFactFormerTrace* trace) const {
  auto const own = pass.sharding ? part_of(coordinates, pass.sharding->block().box) : coordinates;
  auto u = lift(window, pass);
  if (trace) {
    trace->lifted = u;
  }
  for (auto const& layer : layers_) {
    bool const traced = trace && &layer == &layers_.front();
    // Positions stay in float32 whatever the precision: bfloat16 cannot hold their angles.
    auto const position = layer.positions->forward(fourier_features(own, layer.directions), {});
    u = u + position;
    auto const plan = layer.block->plan(coordinates);
    auto const& reduce = plan.reduce;
    Segment const block = [pass, turn = plan.rotations, own = layer.block](auto const& in) {
      return own->forward(in[0], {{in[1], in[2], in[3]}, turn}, pass);
    };
    for (int64_t i = 0; i < config_.n_layer; ++i) {
      bool const first = traced && i == 0;
      auto const change =
          first ? layer.block->forward(u, plan, pass, &trace->kernels)
                : run_segment(pass, *layer.block, {u, reduce[0], reduce[1], reduce[2]}, block);
      u = at::add(u, change, 1.0 / static_cast<double>(config_.n_layer));
      if (first) {
        trace->position = position;
        trace->first_block = change;
      }
    }
  }
  if (trace) {
    trace->encoded = u;
  }
  auto const cells = window.sizes().slice(3);
  return project(u, pass).transpose(1, 2).unflatten(2, cells);
}

AxisCoordinates const& IFactFormer::coordinates_for(Batch const& batch) {
  auto const& grid = window_.grid_of(batch);
  c10::InferenceMode const normal(false);  // the next batch may be one to learn from
  if (!(grid == grid_)) {
    grid_ = grid;
    coordinates_ = window_.coordinates().on(grid);
  }
  for (auto& coordinate : coordinates_) {
    coordinate = coordinate.to(batch.input.options());  // the first time
  }
  return coordinates_;
}

at::Tensor IFactFormer::predict(Batch const& batch, Context const& context) {
  auto const& coordinates = coordinates_for(batch);
  Pass const pass{.precision = context.precision,
                  .training = is_training(),
                  .activations = context.activations,
                  .sharding = batch.spec ? batch.spec->sharding : nullptr};
  return forward(batch.input, coordinates, pass).unsqueeze(1);
}

std::unique_ptr<FrozenSurrogate const> IFactFormer::freeze(Precision precision) const {
  return std::make_unique<FrozenIFactFormer>(*this, precision);
}

std::string IFactFormer::config() const {
  return print_config(config_);
}

}  // namespace eddyline
