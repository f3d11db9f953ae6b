// Right-hand side, step and frame of 2-D diffusion-reaction, on the ranks it is started with.
#include "solvers/diffusion_reaction/diffusion_reaction.hpp"

#include <benchmark/benchmark.h>

#include <ATen/ATen.h>

namespace eddyline {
namespace {

at::Tensor random_state(Block const& block) {
  return at::randn({2, 1, block.box.size[1], block.box.size[2]}, at::kDouble);
}

Block block_of(int64_t cells, Communicator const& ranks) {
  std::array<int64_t, 3> const shape = {1, cells, cells};
  return Decomposition(shape, Decomposition::balanced_parts(shape, ranks.size()))
      .block(ranks.rank());
}

/// The program's: one pass, halos included.
void fused_rate(benchmark::State& bench) {
  auto const world = Communicator::world();
  auto const block = block_of(bench.range(0), world);
  DiffusionReactionRate rate(block, {}, world);
  auto const state = random_state(block);
  auto out = at::empty_like(state);
  for (auto _ : bench) {
    rate(state, out);
    benchmark::DoNotOptimize(out.data_ptr());
  }
}

/// The same written with one tensor operation after the other.
void tensor_rate(benchmark::State& bench) {
  auto const state = at::randn({2, bench.range(0), bench.range(0)}, at::kDouble);
  auto const diffusivity = at::tensor({1e-3, 5e-3}, at::kDouble).view({2, 1, 1});
  for (auto _ : bench) {
    auto const ghost = at::replication_pad2d(state, {1, 1, 1, 1});
    auto const inner = [&](int64_t y, int64_t x) {
      return ghost.narrow(1, y, state.size(1)).narrow(2, x, state.size(2));
    };
    auto const laplacian = inner(0, 1) + inner(2, 1) + inner(1, 0) + inner(1, 2) - 4 * state;
    auto const u = state[0];
    auto const v = state[1];
    auto out = diffusivity * laplacian + at::stack({u - u * u * u - 5e-3 - v, u - v});
    benchmark::DoNotOptimize(out.data_ptr());
  }
}

/// PDEBench's run: 101 frames to time 5 of one trajectory.
void trajectory(benchmark::State& bench) {
  auto const world = Communicator::world();
  DiffusionReactionConfig config;
  config.cells = {bench.range(0), bench.range(0)};
  for (auto _ : bench) {
    DiffusionReaction solver(config, world);
    auto const first = solver.initial({0});
    History history(1, solver.spec());
    history.push(first.values, first.time);
    for (int frame = 1; frame < 101; ++frame) {
      solver.advance(history);
    }
  }
}

BENCHMARK(fused_rate)->Arg(32)->Arg(128)->Arg(512)->Unit(benchmark::kMicrosecond)->Iterations(1000);
BENCHMARK(tensor_rate)->Arg(32)->Arg(128)->Arg(512)->Unit(benchmark::kMicrosecond)->Iterations(200);
BENCHMARK(trajectory)->Arg(32)->Arg(128)->Unit(benchmark::kMillisecond)->Iterations(2);

}  // namespace
}  // namespace eddyline

int main(int argc, char** argv) {
  // Fixed iteration counts above: the ranks must call the collective right-hand side equally often.
  eddyline::MpiSession const mpi(argc, argv);
  auto const world = eddyline::Communicator::world();
  benchmark::Initialize(&argc, argv);
  if (world.is_root()) {
    benchmark::RunSpecifiedBenchmarks();
  } else {
    benchmark::ConsoleReporter silent;
    std::ostringstream nowhere;
    silent.SetOutputStream(&nowhere);
    silent.SetErrorStream(&nowhere);
    benchmark::RunSpecifiedBenchmarks(&silent);
  }
  return 0;
}
