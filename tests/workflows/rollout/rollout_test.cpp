#include "workflows/rollout/rollout.hpp"

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"
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

TEST(Rollout, StopsAtASegmentWhenOneRankIsAsked) {
  auto const ranks = Communicator::world();
  TinyStepper stepper;
  MemorySink sink;
  auto history = tiny_history(1);
  Rollout rollout(stepper, {.steps = 20, .segment = 4}, ranks);
  rollout.write_to(sink);
  rollout.stop_when([&] { return ranks.rank() == 0; });
  EXPECT_EQ(rollout.run(history), RolloutEnding::stopped);
  EXPECT_EQ(sink.closed.back().first, 4);
}

TEST(Rollout, NeedsNoMoreMemoryForManySteps) {
  constexpr double kAllowedGrowth = 4;  // MiB; 2000 frames of this state would take 137
  auto const ranks = Communicator::self();
  TinyStepper stepper;
  History history(2, testing_rollout::tiny_spec());
  for (int i = 0; i < 2; ++i) {
    history.push(at::ones({250, 3, 1, 4, 6}), i);
  }
  Rollout(stepper, {.steps = 50}, ranks).run(history);
  auto const after_50 = resident_mib();
  Rollout(stepper, {.steps = 2000, .from = 50}, ranks).run(history);
  EXPECT_LT(resident_mib() - after_50, kAllowedGrowth);
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
