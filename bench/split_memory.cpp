// Memory of training steps on samples that are split in space: the most that one rank of P holds
// (weights, gradients, moments, activations; scratch inside libraries is not seen) and what it is
// of one rank's with whole samples. Each case is on a grid whose activations outweigh its weights.
// Exits with 1 if one of four ranks or more holds over 0.35 of that.
//   mpirun -np 4 bench_split_memory [CASE …]
#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "bench/race.hpp"
#include "core/error.hpp"
#include "surrogates/registry.hpp"
#include "workflows/training/learning_step.hpp"
#include "workflows/training/one_batch.hpp"

namespace eddyline::bench {
namespace {

constexpr double kMostOnFour = 0.35;  ///< of one rank's bytes, on a rank of four

struct Case {
  char const* name;
  char const* model;
  std::vector<int64_t> cells;
  int64_t fields;
  std::array<int, 3> parts;  ///< on four ranks; on P the last divided axis takes P / 4 more
  char const* network = name;
};

std::vector<Case> const& cases() {
  static std::vector<Case> const all = {
      {"morph",
       "{dim: 64, heads: 4, depth: 4, mlp_dim: 256, heads_xa: 4, patch: [8, 8, 8], history: 1, "
       "max_patches: 512}",
       {64, 64, 64},
       3,
       {1, 2, 2}},
      {"gphyt",
       "{hidden_dim: 96, mlp_dim: 384, num_heads: 4, num_layers: 4, patch: [1, 8, 8], history: 4}",
       {256, 256},
       3,
       {1, 2, 2}},
      {"ifactformer",
       "{dim: 36, heads: 4, dim_head: 16, depth: 2, n_layer: 2, history: 2}",
       {32, 48, 32},
       3,
       {1, 2, 2}},
      {"ifactformer_o",
       "{variant: o, dim: 36, heads: 4, dim_head: 16, depth: 2, n_layer: 2, history: 2}",
       {32, 48, 32},
       3,
       {1, 2, 2},
       "ifactformer"},
      {"climax",
       "{variables: [2m_temperature, geopotential_500, temperature_850], patch: [1, 4, 4], dim: "
       "64, "
       "depth: 4, decoder_depth: 1, heads: 4}",
       {128, 256},
       3,
       {1, 2, 2}},
      {"fno", "{modes: [8, 8, 8], width: 12, layers: 4, history: 1}", {64, 64, 64}, 3, {1, 2, 2}},
      {"ifno", "{modes: [8, 8, 8], width: 12, layers: 4, history: 1}", {64, 64, 64}, 3, {1, 2, 2}},
      {"unet", "{features: 12, blocks_per_stage: 1, history: 1}", {384, 384}, 3, {1, 2, 2}},
  };
  return all;
}

FieldSet fields_of(Case const& one) {
  std::vector<Field> fields;
  std::vector<std::string> const weather = {
      "2m_temperature", "geopotential_500", "temperature_850"};
  for (int64_t f = 0; f < one.fields; ++f) {
    auto const i = static_cast<size_t>(f);
    fields.push_back({.name = one.network == std::string("climax") ? weather.at(i)
                                                                   : "field" + std::to_string(f)});
  }
  return FieldSet(fields);
}

Grid grid_of(Case const& one) {
  std::vector<std::string> names = {"x", "y", "z"};
  if (one.network == std::string("climax")) {
    names = {"latitude", "longitude"};
  }
  std::vector<Axis> axes;
  for (size_t a = 0; a < one.cells.size(); ++a) {
    Axis axis{.name = names[a], .boundaries = {Boundary::periodic, Boundary::periodic}};
    axis.coordinates.resize(static_cast<size_t>(one.cells[a]));
    std::iota(axis.coordinates.begin(), axis.coordinates.end(), 0.0);
    axes.push_back(axis);
  }
  return Grid(axes);
}

/// One sample of numbers that mean nothing.
Batch made_up(Surrogate const& network, std::shared_ptr<BatchSpec const> spec) {
  auto const shape = spec->sharding ? spec->sharding->block().box.size : spec->input_grid.shape();
  auto const channels = spec->input_fields.channels();
  Batch batch;
  batch.input =
      at::randn({1, network.history(), channels, shape[0], shape[1], shape[2]}, at::kFloat);
  batch.target = at::randn({1, 1, channels, shape[0], shape[1], shape[2]}, at::kFloat);
  batch.input_norm = {at::zeros({1, channels}), at::ones({1, channels})};
  batch.target_norm = batch.input_norm;
  batch.lead_time = at::ones({1});
  batch.sample_ids = {0};
  batch.global_size = 1;
  batch.spec = std::move(spec);
  return batch;
}

/// Most bytes that this rank holds of a network in training.
int64_t most_of(Case const& one, std::shared_ptr<Mesh const> const& mesh) {
  return peak_memory([&] {
    SurrogateSpec const spec{
        .input_fields = fields_of(one), .output_fields = fields_of(one), .grid = grid_of(one)};
    auto network = surrogate_entry(one.network).make(one.model, spec, 1);
    auto align = network->patch();
    auto const cells = spec.grid.shape();
    for (size_t a = 0; a < 3; ++a) {
      align[a] = cells[a] == 1 ? 1 : align[a];
    }
    auto const sample = std::make_shared<BatchSpec const>(BatchSpec{
        .input_fields = spec.input_fields,
        .output_fields = spec.output_fields,
        .input_grid = spec.grid,
        .output_grid = spec.grid,
        .sharding = mesh->is_split() ? std::make_shared<Sharding>(mesh, cells, align) : nullptr});
    OneBatch source(made_up(*network, sample), 1);
    LearningStep learner(network,
                         {},
                         Loss({}, spec.grid, at::kCPU),
                         TrainConfig{},
                         {mesh->world(), MomentsOn::one_rank});
    for (int64_t step = 0; step < 2; ++step) {
      learner.take(source, {.step = step, .learning_rate = 1e-6});
    }
  });
}

/// \return  what a rank of all holds of what one rank alone does; 0 on other ranks than the first
double measure(Case const& one, Communicator const& world) {
  auto const self = Communicator::self();
  double alone = 0;
  if (world.is_root()) {
    alone = static_cast<double>(
        most_of(one, std::make_shared<Mesh const>(self, std::array<int, 3>{1, 1, 1})));
  }
  auto parts = one.parts;
  parts[2] = std::max(1, world.size() / (parts[0] * parts[1]));
  parts[1] = world.size() / (parts[0] * parts[2]);
  auto const mine = most_of(one, std::make_shared<Mesh const>(world, parts));
  auto const most = static_cast<double>(world.all_reduce(mine, Reduction::max));
  if (world.is_root()) {
    std::printf("%-13s %4d  (%d, %d, %d) %10.1f %10.1f %8.3f\n",
                one.name,
                world.size(),
                parts[0],
                parts[1],
                parts[2],
                1e-6 * alone,
                1e-6 * most,
                most / alone);
    std::fflush(stdout);
  }
  return world.is_root() ? most / alone : 0;
}

/// \return  exit code: 1 if a network takes more than it may on four ranks
int measure_all(std::set<std::string> const& chosen, Communicator const& world) {
  int code = 0;
  if (world.is_root()) {
    std::printf("%-13s %4s  %-9s %10s %10s %8s\n",
                "network",
                "P",
                "split",
                "1 rank MB",
                "P ranks MB",
                "ratio");
  }
  for (auto const& one : cases()) {
    if (!chosen.empty() && !chosen.contains(one.name)) {
      continue;
    }
    auto const ratio = measure(one, world);
    if (world.size() >= 4 && ratio > kMostOnFour) {
      std::printf("%s holds %.3f of one rank's bytes on a rank of %d; at most %.2f are allowed\n",
                  one.name,
                  ratio,
                  world.size(),
                  kMostOnFour);
      code = 1;
    }
  }
  return code;
}

}  // namespace
}  // namespace eddyline::bench

int main(int argc, char** argv) {
  eddyline::MpiSession const session(argc, argv);
  auto const world = eddyline::Communicator::world();
  at::set_num_threads(1);
  return eddyline::bench::measure_all({argv + 1, argv + argc}, world);
}
