#include "workflows/rollout/rollout.hpp"

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/sinks/rollout_sink.hpp"
#include "surrogates/surrogate_stepper.hpp"
#include "tests/core/temporary_folder.hpp"
#include "tests/data/pipeline/memory_reader.hpp"
#include "tests/workflows/rollout/tiny_stepper.hpp"

namespace eddyline {
namespace {

using testing_rollout::tiny_history;
using testing_rollout::TinyStepper;

/// Keeps what it is given.
class MemorySink final : public Sink {
 public:
  void write(int64_t step, State const& state) override {
    open.emplace_back(step, state.values.clone());
  }
  void discard_after(int64_t step) override {
    std::erase_if(open, [&](auto const& frame) { return frame.first > step; });
  }
  void close_segment(Restart const& restart) override {
    closed.insert(closed.end(), open.begin(), open.end());
    open.clear();
    restarts.push_back(restart);
  }
  std::vector<std::pair<int64_t, at::Tensor>> open, closed;
  std::vector<Restart> restarts;
};

/// Memory of this process that is resident [MiB].
double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * 4096 / (1 << 20);
}

TEST(Rollout, WritesEveryFrameFromTheGivenOneOn) {
  TinyStepper stepper;
  MemorySink sink;
  auto history = tiny_history(2);
  auto const ranks = Communicator::world();
  Rollout rollout(stepper, {.steps = 7, .segment = 3}, ranks);
  rollout.write_to(sink);
  EXPECT_EQ(rollout.run(history), RolloutEnding::finished);
  ASSERT_EQ(sink.closed.size(), 8);
  EXPECT_EQ(sink.closed.back().first, 7);
  EXPECT_EQ(sink.restarts.back().step, 7);
  EXPECT_TRUE(at::equal(sink.closed.back().second, history.newest().values));
}

TEST(Rollout, WritesEveryNthFrameAndTheLast) {
  TinyStepper stepper;
  MemorySink sink;
  auto history = tiny_history(1);
  auto const ranks = Communicator::world();
  Rollout rollout(stepper, {.steps = 8, .every = 3, .segment = 2}, ranks);
  rollout.write_to(sink);
  rollout.run(history);
  std::vector<int64_t> steps;
  for (auto const& frame : sink.closed) {
    steps.push_back(frame.first);
  }
  EXPECT_EQ(steps, (std::vector<int64_t>{0, 3, 6, 8}));
}

TEST(Rollout, EqualsTheUnbrokenRunWhenItGoesOn) {
  auto const ranks = Communicator::world();
  TinyStepper stepper;
  auto unbroken = tiny_history(2);
  Rollout(stepper, {.steps = 9}, ranks).run(unbroken);
  auto first = tiny_history(2);
  Rollout(stepper, {.steps = 4}, ranks).run(first);
  MemorySink sink;
  Rollout second(stepper, {.steps = 9, .from = 4}, ranks);
  second.write_to(sink);
  second.run(first);
  EXPECT_EQ(sink.closed.front().first, 5);
  EXPECT_TRUE(at::equal(unbroken.newest().values, first.newest().values));
}

TEST(Rollout, EndsOnAllRanksAtTheFirstFrameThatIsNotFinite) {
  auto const ranks = Communicator::world();
  TinyStepper stepper;
  if (ranks.rank() == ranks.size() - 1) {
    stepper.break_at(5);
  }
  MemorySink sink;
  auto history = tiny_history(1);
  Rollout rollout(stepper, {.steps = 20, .segment = 4}, ranks);
  rollout.write_to(sink);
  try {
    rollout.run(history);
    FAIL() << "no error";
  } catch (Diverged const& error) {
    EXPECT_NE(std::string(error.what())
                  .find("'tiny' is not finite (NaN or Inf) at step 5 of 20; the frames before it "
                        "are saved"),
              std::string::npos)
        << error.what();
    EXPECT_EQ(error.code(), ExitCode::diverged);
  }
  EXPECT_EQ(sink.closed.back().first, 4);
  EXPECT_EQ(sink.restarts.back().step, 4);
  for (auto const& [step, values] : sink.closed) {
    EXPECT_TRUE(at::isfinite(values).all().item<bool>()) << step;
  }
}

/// Where a rollout in segments of 4 steps ends whose last rank is asked to stop after a step.
int64_t step_of_stop(int64_t asked) {
  auto const ranks = Communicator::world();
  TinyStepper stepper;
  MemorySink sink;
  auto history = tiny_history(1);
  int64_t step = 0;
  Rollout rollout(stepper, {.steps = 20, .segment = 4}, ranks);
  rollout.write_to(sink);
  rollout.observe([&](int64_t now, State const&) { step = now; });
  rollout.stop_when([&] { return ranks.rank() == ranks.size() - 1 && step >= asked; });
  EXPECT_EQ(rollout.run(history), RolloutEnding::stopped);
  EXPECT_EQ(sink.closed.back().first, sink.restarts.back().step);
  return sink.restarts.back().step;
}

TEST(Rollout, StopsOnAllRanksAStepAfterOneIsAskedOrWithTheSegment) {
  EXPECT_EQ(step_of_stop(1), 2);
  EXPECT_EQ(step_of_stop(6), 7);
  EXPECT_EQ(step_of_stop(8), 8);
}

TEST(Rollout, EndsASegmentEarlyWhereAStepperGivesUpOnOneRank) {
  auto const ranks = Communicator::world();
  TinyStepper stepper;
  if (ranks.rank() == ranks.size() - 1) {
    stepper.give_up_after(2);
  }
  int64_t steps = 0;
  auto history = tiny_history(1);
  Rollout rollout(stepper, {.steps = 100}, ranks);
  rollout.observe([&](int64_t now, State const&) { steps = now; });
  EXPECT_THROW(rollout.run(history), Diverged);
  EXPECT_LE(steps, 4);
}

/// A network whose next frame is a little less than the one before.
class Fading final : public Surrogate {
 public:
  at::Tensor predict(Batch const& batch, Context const&) override {
    return batch.input.slice(1, 1) * 0.99;
  }
  std::string config() const override { return ""; }
  int64_t history() const override { return 2; }
  std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }
};

std::shared_ptr<Normaliser> unit_normaliser(Dataset const& data) {
  std::vector<double> const zeros(3, 0), ones(3, 1);
  Statistics statistics{.channels = data.state_spec()->fields.channel_names(),
                        .mean = zeros,
                        .std = ones,
                        .rms = ones};
  statistics.mean_delta = zeros;
  statistics.std_delta = statistics.rms_delta = ones;
  statistics.count = statistics.count_delta = ones;
  return std::make_shared<Normaliser>(
      Normalisation::dataset, Pooling::channel, statistics, *data.batch_spec());
}

/// A rollout of a network over 3 x cells x cells numbers, in parts that go on from each other.
class RolloutInParts {
 public:
  RolloutInParts(int64_t cells, int64_t every)
      : every_(every),
        data_(
            coded_reader({3}, cells, cells), plain_config(), Split::all, {.history = 2}, kAnyPatch),
        stepper_({.name = "fading",
                  .surrogate = std::make_shared<Fading>(),
                  .normaliser = unit_normaliser(data_),
                  .spec = data_.batch_spec(),
                  .rule = {},
                  .fit = data_.fit(),
                  .interval = 1},
                 nullptr),
        description_{.fields = data_.state_spec()->fields,
                     .grid = data_.state_spec()->grid,
                     .trajectories = {{"one", {}}}},
        files_(folder_.path() / "rollout"),
        history_(2, data_.state_spec()) {
    files_.describe(description_);
    sink_ = std::make_unique<RolloutSink>(files_, description_, TrajectoryShare{0, 1});
    for (int64_t i = 0; i < 2; ++i) {
      history_.push(data_.read({0, i, 1, 1}).values, static_cast<double>(i));
    }
  }

  void go(int64_t from, int64_t to) {
    Rollout rollout(stepper_, {.steps = to, .from = from, .every = every_, .segment = 10}, ranks_);
    rollout.write_to(*sink_);
    rollout.run(history_);
  }
  std::optional<int64_t> last_step() const { return files_.last_step(0); }

 private:
  int64_t every_;
  Communicator ranks_ = Communicator::self();
  TemporaryFolder folder_;
  Dataset data_;
  SurrogateStepper stepper_;
  RolloutDescription description_;
  RolloutFolder files_;
  std::unique_ptr<RolloutSink> sink_;
  History history_;
};

constexpr double kAllowedGrowth = 8;  // MiB, a quarter of what the steps' frames take together

TEST(Rollout, NeedsNoMoreMemoryForManyStepsOfANetworkIntoFiles) {
  RolloutInParts rollout(/*cells=*/96, /*every=*/1);
  rollout.go(0, 30);
  auto const after_30 = resident_mib();
  rollout.go(30, 330);  // frames of 32 MiB
  EXPECT_LT(resident_mib() - after_30, kAllowedGrowth);
  EXPECT_EQ(rollout.last_step(), 330);
}

TEST(Rollout, NeedsNoMoreMemoryForThousandsOfStepsOnOneRank) {
  RolloutInParts rollout(/*cells=*/32, /*every=*/50);
  rollout.go(0, 50);
  auto const after_50 = resident_mib();
  rollout.go(50, 3050);  // frames of 35 MiB
  EXPECT_LT(resident_mib() - after_50, kAllowedGrowth);
  EXPECT_EQ(rollout.last_step(), 3050);
}

TEST(Rollout, WritesFromTheFirstStepAskedFor) {
  TinyStepper stepper;
  MemorySink sink;
  auto history = tiny_history(1);
  auto const ranks = Communicator::world();
  Rollout rollout(stepper, {.steps = 8, .first = 2, .every = 3, .segment = 3}, ranks);
  rollout.write_to(sink);
  rollout.run(history);
  std::vector<int64_t> steps;
  for (auto const& frame : sink.closed) {
    steps.push_back(frame.first);
  }
  EXPECT_EQ(steps, (std::vector<int64_t>{2, 5, 8}));
}

TEST(Rollout, OfNoStepWritesTheGivenFrame) {
  TinyStepper stepper;
  MemorySink sink;
  auto history = tiny_history(1);
  auto const ranks = Communicator::world();
  Rollout rollout(stepper, {.steps = 0}, ranks);
  rollout.write_to(sink);
  EXPECT_EQ(rollout.run(history), RolloutEnding::finished);
  EXPECT_EQ(sink.closed.size(), 1);
}

TEST(Rollout, GoesOnOverFramesThatAreNotFiniteWhereAScoreTells) {
  TinyStepper stepper;
  stepper.break_at(3);
  auto history = tiny_history(1);
  auto const ranks = Communicator::world();
  Rollout rollout(stepper, {.steps = 5, .not_finite = NotFinite::goes_on}, ranks);
  std::vector<bool> finite;
  rollout.observe([&](int64_t, State const& frame) {
    finite.push_back(at::isfinite(frame.values).all().item<bool>());
  });
  EXPECT_EQ(rollout.run(history), RolloutEnding::finished);
  EXPECT_EQ(finite, (std::vector<bool>{true, true, true, false, false, false}));
}

/// Gives up at a step, as a solver does whose time step becomes too short.
class GivingUp final : public Stepper {
 public:
  explicit GivingUp(int64_t step) : step_(step) {}
  std::string name() const override { return "giving up"; }
  int64_t history() const override { return 1; }
  double interval() const override { return 1; }
  State advance(History& history) override {
    if (++calls_ == step_) {
      throw Diverged("the step is too short");
    }
    return history.newest();
  }

 private:
  int64_t step_;
  int64_t calls_ = 0;
};

TEST(Rollout, RepeatsOnAllRanksWhyTheFirstStepperGaveUp) {
  auto const ranks = Communicator::world();
  GivingUp stepper(ranks.rank() == ranks.size() - 1 ? 3 : 4);
  MemorySink sink;
  auto history = tiny_history(1);
  Rollout rollout(stepper, {.steps = 9}, ranks);
  rollout.write_to(sink);
  try {
    rollout.run(history);
    FAIL() << "no error";
  } catch (Diverged const& error) {
    EXPECT_NE(std::string(error.what())
                  .find("the step is too short\n  while making step 3 of 9; the frames before it "
                        "are saved"),
              std::string::npos)
        << error.what();
    EXPECT_EQ(error.spread(), Spread::all_ranks);
  }
  EXPECT_EQ(sink.closed.back().first, 2);
}

TEST(Rollout, GivesObserversTheView) {
  auto const ranks = Communicator::world();
  TinyStepper stepper;
  auto history = tiny_history(1);
  Rollout rollout(stepper, {.steps = 3}, ranks);
  rollout.set_view([](int64_t, State const& state) {
    return State{state.values.slice(1, 0, 1), state.time, state.spec};
  });
  int64_t seen = 0;
  rollout.observe([&](int64_t step, State const& frame) {
    EXPECT_EQ(step, seen++);
    EXPECT_EQ(frame.values.size(1), 1);
    EXPECT_DOUBLE_EQ(frame.time, 0.5 * static_cast<double>(step));
  });
  rollout.run(history);
  EXPECT_EQ(seen, 4);
}

TEST(Rollout, MakesTheViewOnlyForFramesThatAreSeen) {
  TinyStepper stepper;
  auto history = tiny_history(1);
  auto const ranks = Communicator::self();
  Rollout rollout(stepper, {.steps = 5}, ranks);
  std::vector<int64_t> viewed, seen;
  rollout.set_view([&](int64_t step, State const& state) {
    viewed.push_back(step);
    return state;
  });
  rollout.observe([&](int64_t step, State const&) { seen.push_back(step); }, 2);
  rollout.run(history);
  EXPECT_EQ(seen, (std::vector<int64_t>{0, 2, 4}));
  EXPECT_EQ(viewed, seen);
}

TEST(Rollout, RefusesFewerStepsThanAreThere) {
  auto const ranks = Communicator::self();
  TinyStepper stepper;
  try {
    Rollout const rollout(stepper, {.steps = 3, .from = 5}, ranks);
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_STREQ(error.what(),
                 "steps is 3, fewer than the 5 that are there already; ask for more steps");
  }
}

}  // namespace
}  // namespace eddyline
