#include "solvers/diffusion_reaction/diffusion_reaction.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

/// Float64 numbers of a .npy file of version 1 in C order, reshaped.
at::Tensor read_reference(std::string const& name, std::vector<int64_t> const& shape) {
  auto const path = fixtures_folder() / "solvers/diffusion_reaction" / name;
  std::ifstream file(path, std::ios::binary);
  std::array<unsigned char, 10> start{};
  file.read(reinterpret_cast<char*>(start.data()), start.size());
  file.ignore(start[8] + 256 * start[9]);
  auto values = at::empty(shape, at::kDouble);
  auto const bytes = static_cast<std::streamsize>(values.nbytes());
  file.read(static_cast<char*>(values.mutable_data_ptr()), bytes);
  EXPECT_EQ(file.gcount(), bytes) << path;
  return values;
}

DiffusionReactionConfig small() {
  DiffusionReactionConfig config;
  config.cells = {12, 10};
  config.final_time = 1;
  config.frames = 5;
  return config;
}

DiffusionReactionConfig oblong() {
  DiffusionReactionConfig config;
  config.cells = {12, 20};
  config.x = {0, 3};
  config.diffusivity_u = 4e-3;
  config.diffusivity_v = 1e-3;
  config.k = -2e-2;
  config.final_time = 20;
  config.frames = 11;
  return config;
}

/// Frames 0 … count-1 of a run from `seeds`: (T, B, 2, 1, H, W) of this rank's block.
at::Tensor run(DiffusionReaction& solver, std::vector<uint64_t> const& seeds, int64_t count) {
  auto const first = solver.initial(seeds);
  History history(1, solver.spec());
  history.push(first.values, first.time);
  std::vector<at::Tensor> frames = {first.values.clone()};
  while (static_cast<int64_t>(frames.size()) < count) {
    frames.push_back(solver.advance(history).values.clone());
  }
  return at::stack(frames);
}

at::Tensor cut(at::Tensor const& whole, Box const& box) {
  return whole.narrow(-2, box.first[1], box.size[1]).narrow(-1, box.first[2], box.size[2]);
}

// The promise is 1e-8. Round-off of sums in another order is amplified by the step control to about
// 1e-12.
constexpr double kAgreement = 1e-8;

TEST(DiffusionReaction, AgreesWithScipyAtAll101Frames) {
  auto const self = Communicator::self();
  DiffusionReactionConfig config;
  config.cells = {32, 32};
  DiffusionReaction solver(config, self);
  auto const frames = run(solver, {0}, 101).squeeze(3).squeeze(1);  // (T, 2, H, W)
  auto const difference =
      (frames - read_reference("square.npy", {101, 2, 32, 32})).abs().amax({1, 2, 3});
  for (int64_t frame = 0; frame < 101; ++frame) {
    EXPECT_LT(difference[frame].item<double>(), kAgreement) << "frame " << frame;
  }
}

TEST(DiffusionReaction, AgreesWithScipyOnAnOblongGrid) {
  auto const self = Communicator::self();
  DiffusionReaction solver(oblong(), self);
  auto const frames = run(solver, {(uint64_t{1} << 32) + 5}, 11).squeeze(3).squeeze(1);
  EXPECT_LT((frames - read_reference("oblong.npy", {11, 2, 12, 20})).abs().max().item<double>(),
            kAgreement);
}

TEST(DiffusionReaction, StartsFromNumpysNormals) {
  auto const world = Communicator::world();
  DiffusionReaction solver(oblong(), world);
  auto const first = solver.initial({(uint64_t{1} << 32) + 5});
  EXPECT_EQ(first.time, 0);
  auto const expected = read_reference("oblong.npy", {11, 2, 1, 12, 20})[0];
  EXPECT_TRUE(at::equal(first.values[0], cut(expected, solver.spec()->block.box)));
}

TEST(DiffusionReaction, GivesTheSameBitsOnAnyNumberOfRanks) {
  auto const world = Communicator::world();
  auto const self = Communicator::self();
  DiffusionReaction alone(oblong(), self);
  auto const expected = run(alone, {3, 4}, 11);
  for (std::array<int, 2> const blocks :
       {std::array{0, 0}, std::array{world.size(), 1}, std::array{1, world.size()}}) {
    auto config = oblong();
    config.blocks = blocks;
    DiffusionReaction spread(config, world);
    auto const frames = run(spread, {3, 4}, 11);
    EXPECT_TRUE(at::equal(frames, cut(expected, spread.spec()->block.box)))
        << blocks[0] << " × " << blocks[1];
  }
}

TEST(DiffusionReaction, StepsEachTrajectoryAlone) {
  auto const self = Communicator::self();
  DiffusionReaction solver(small(), self);
  auto const together = run(solver, {7, 8, 9}, 5);
  for (int64_t b = 0; b < 3; ++b) {
    DiffusionReaction alone(small(), self);
    EXPECT_TRUE(
        at::equal(run(alone, {static_cast<uint64_t>(7 + b)}, 5).squeeze(1), together.select(1, b)));
  }
}

TEST(DiffusionReaction, ResumesBitForBit) {
  auto const world = Communicator::world();
  DiffusionReaction unbroken(small(), world);
  auto const first = unbroken.initial({1, 2});
  History history(1, unbroken.spec());
  history.push(first.values, first.time);
  unbroken.advance(history);
  unbroken.advance(history);
  DiffusionReaction resumed(small(), world);
  resumed.load(unbroken.save());
  History later(1, resumed.spec());
  later.push(history.newest().values, history.newest().time);
  for (int frame = 3; frame < 5; ++frame) {
    auto const expected = unbroken.advance(history);
    auto const actual = resumed.advance(later);
    EXPECT_TRUE(at::equal(actual.values, expected.values)) << "frame " << frame;
    EXPECT_EQ(actual.time, expected.time);
  }
}

TEST(DiffusionReaction, KeepsItsMemoryBehindAHistoryOfSinglePrecision) {
  auto const self = Communicator::self();
  DiffusionReaction exact(small(), self);
  auto const expected = run(exact, {1}, 5);
  DiffusionReaction solver(small(), self);
  History history(1, solver.spec());
  history.push(solver.initial({1}).values.to(at::kFloat), 0);
  auto state = solver.advance(history);
  EXPECT_EQ(state.values.scalar_type(), at::kFloat);
  for (int frame = 2; frame < 5; ++frame) {
    state = solver.advance(history);
  }
  // Only the first frame was rounded (6e-8 of values up to 4); diffusion does not amplify that.
  EXPECT_LT((state.values - expected[4]).abs().max().item<double>(), 1e-6);
}

TEST(DiffusionReaction, StartsAnewFromAFrameThatIsNotItsOwn) {
  auto const self = Communicator::self();
  DiffusionReaction solver(small(), self);
  auto const other = run(solver, {5}, 3)[2] * 0.5;
  History history(1, solver.spec());
  history.push(other, 0.5);
  auto const hybrid = solver.advance(history);
  DiffusionReaction fresh(small(), self);
  History begun(1, fresh.spec());
  begun.push(other, 0.5);
  EXPECT_TRUE(at::equal(hybrid.values, fresh.advance(begun).values));
  EXPECT_EQ(hybrid.time, 0.75);
}

TEST(DiffusionReaction, GoesOnBeyondItsFinalTime) {
  auto const self = Communicator::self();
  auto twice = small();
  twice.final_time *= 2;
  twice.frames = 9;
  DiffusionReaction short_run(small(), self);
  DiffusionReaction long_run(twice, self);
  auto const difference =
      (run(short_run, {6}, 9) - run(long_run, {6}, 9)).abs().amax({1, 2, 3, 4, 5});
  EXPECT_TRUE(at::isfinite(difference).all().item<bool>());
  // The step that ends at the final time is cut, so later ones differ by errors of the
  // tolerance, 1e-3 of values up to 2 in each of several steps.
  EXPECT_LT(difference.max().item<double>(), 5e-3);
}

TEST(DiffusionReaction, NamesTheTrajectoryThatBlowsUp) {
  auto const world = Communicator::world();
  DiffusionReaction solver(small(), world);
  auto const first = solver.initial({1, 2});
  first.values[1].fill_(1e200);  // its cube is not finite
  History history(1, solver.spec());
  history.push(first.values, 0);
  try {
    solver.advance(history);
    FAIL() << "went on";
  } catch (Diverged const& error) {
    EXPECT_THAT(error.what(), HasSubstr("step 1 at time 0 would have to be shorter than"));
    EXPECT_THAT(error.what(), HasSubstr("while integrating trajectory 1 of diffusion_reaction"));
  }
}

std::string refusal(std::string const& yaml) {
  try {
    make_diffusion_reaction(yaml, Communicator::self());
  } catch (Error const& error) {
    return error.what();
  }
  return "accepted";
}

TEST(DiffusionReaction, RefusesValuesThatAreNotAllowed) {
  EXPECT_THAT(refusal("{cells: [1, 8]}"), HasSubstr("cells: 1 × 8 is not a grid"));
  EXPECT_THAT(refusal("{x: [1, -1]}"), HasSubstr("x: the domain's ends 1 and -1 must ascend"));
  EXPECT_THAT(refusal("{diffusivity_u: -1}"), HasSubstr("diffusivity_u: -1 must not be negative"));
  EXPECT_THAT(refusal("{frames: 1}"), HasSubstr("frames: 1 is too few"));
  EXPECT_THAT(refusal("{final_time: 0}"), HasSubstr("final_time: 0 must be positive"));
  EXPECT_THAT(refusal("{relative_tolerance: 0}"), HasSubstr("tolerances must be positive"));
  EXPECT_THAT(refusal("{blocks: [2, 2]}"),
              HasSubstr("blocks: 2 × 2 does not share a trajectory among 1 ranks"));
  EXPECT_THAT(refusal("{difusivity_u: 1}"), HasSubstr("diffusivity_u"));
}

TEST(DiffusionReaction, RefusesTheMemoryOfAnotherGrid) {
  auto const self = Communicator::self();
  DiffusionReaction solver(small(), self);
  run(solver, {1}, 2);
  DiffusionReaction other(oblong(), self);
  try {
    other.load(solver.save());
    FAIL() << "loaded";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("is of a block [1, 2, 1, 12, 10], this rank holds (B, 2, 1, 12, 20)"));
  }
  auto const saved = solver.save();
  auto memory = saved;
  auto& clock = memory["frame_clock"];
  clock = at::cat({clock, clock + 1});
  memory["frame"] = at::cat({memory["frame"], memory["frame"]});
  try {
    solver.load(memory);
    FAIL() << "loaded";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("is of trajectories at different times"));
  }
  memory = saved;
  memory.erase("slopes");
  EXPECT_THROW(solver.load(memory), Error);
}

}  // namespace
}  // namespace eddyline
