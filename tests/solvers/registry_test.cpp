#include "solvers/registry.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

// What every solver of the table promises: a new line there is tested here.
namespace eddyline {
namespace {

/// Two frames after the initial state of two trajectories.
std::vector<State> first_frames(Solver& solver) {
  auto const first = solver.initial({0, 1});
  History history(solver.history(), solver.spec());
  history.push(first.values, first.time);
  std::vector<State> frames = {first};
  for (int i = 0; i < 2; ++i) {
    auto const state = solver.advance(history);
    frames.push_back({state.values.clone(), state.time, state.spec});
  }
  return frames;
}

class EverySolver : public testing::TestWithParam<SolverEntry> {
 protected:
  static std::unique_ptr<Solver> make(Communicator const& ranks) {
    return GetParam().make(GetParam().default_config(), ranks);
  }
};

TEST_P(EverySolver, MakesFiniteFramesOfItsBlockAtItsInterval) {
  auto const world = Communicator::world();
  auto const solver = make(world);
  EXPECT_EQ(solver->name(), GetParam().name);
  auto const frames = first_frames(*solver);
  auto const& size = solver->spec()->block.box.size;
  for (size_t i = 0; i < frames.size(); ++i) {
    EXPECT_EQ(
        frames[i].values.sizes(),
        (std::vector<int64_t>{2, solver->spec()->fields.channels(), size[0], size[1], size[2]}));
    EXPECT_TRUE(at::isfinite(frames[i].values).all().item<bool>());
    EXPECT_NEAR(frames[i].time, static_cast<double>(i) * solver->interval(), 1e-12);
  }
  EXPECT_FALSE(at::equal(frames[0].values, frames[1].values));
  EXPECT_FALSE(at::equal(frames[1].values[0], frames[1].values[1]));  // other seeds, other data
}

TEST_P(EverySolver, RepeatsItselfFromTheSameSeeds) {
  auto const world = Communicator::world();
  auto const one = first_frames(*make(world));
  auto const two = first_frames(*make(world));
  EXPECT_TRUE(at::equal(one.back().values, two.back().values));
}

TEST_P(EverySolver, GoesOnFromSavedMemory) {
  auto const world = Communicator::world();
  auto const solver = make(world);
  auto const frames = first_frames(*solver);
  auto const resumed = make(world);
  resumed->load(solver->save());
  History history(solver->history(), solver->spec());
  history.push(frames.back().values, frames.back().time);
  History later(resumed->history(), resumed->spec());
  later.push(frames.back().values, frames.back().time);
  EXPECT_TRUE(at::equal(resumed->advance(later).values, solver->advance(history).values));
}

TEST_P(EverySolver, RefusesUnknownKeys) {
  EXPECT_THROW(GetParam().make("{no_such_key: 1}", Communicator::self()), Error);
}

INSTANTIATE_TEST_SUITE_P(Solvers,
                         EverySolver,
                         testing::ValuesIn(solver_registry()),
                         [](auto const& info) { return info.param.name; });

TEST(SolverRegistry, SuggestsTheNearestName) {
  try {
    solver_entry("diffusion_reacton");
    FAIL() << "found";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr(
                    "there is no solver 'diffusion_reacton'; did you mean 'diffusion_reaction'?"));
  }
}

}  // namespace
}  // namespace eddyline
