#include "data/sinks/in_situ_sink.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/gpu.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// Keeps what it is shown, and says what it is told to.
struct Screen {
  std::vector<InSituFrame> frames;
  InSitu::Result answer;
};

class ScreenView final : public InSitu {
 public:
  explicit ScreenView(Screen& screen) : screen_(screen) {}
  Result show(InSituFrame const& frame) override {
    screen_.frames.push_back(frame);
    return screen_.answer;
  }

 private:
  Screen& screen_;
};

InSituSink::Opening onto(Screen& screen) {
  return [&screen](Communicator const&) { return std::make_unique<ScreenView>(screen); };
}

Axis axis(std::string name, std::vector<double> coordinates) {
  return {.name = std::move(name), .coordinates = std::move(coordinates)};
}

std::vector<double> count_up(int64_t n) {
  std::vector<double> x;
  for (int64_t i = 0; i < n; ++i) {
    x.push_back(static_cast<double>(i));
  }
  return x;
}

/// A scalar u and its truth and error, and w; z, y, x of 4, 6 and 9 points.
std::shared_ptr<StateSpec> box_spec() {
  auto spec = std::make_shared<StateSpec>();
  spec->fields = FieldSet({{.name = "u", .units = "K"},
                           {.name = "w"},
                           {.name = "u_truth", .units = "K"},
                           {.name = "u_error", .units = "K"}});
  spec->grid = Grid({axis("z", count_up(4)), axis("y", count_up(6)), axis("x", count_up(9))});
  spec->block = whole_block(spec->grid.shape());
  spec->time_unit = "s";
  return spec;
}

/// Values of the block that the spec names, for two trajectories.
State state_of(std::shared_ptr<StateSpec const> const& spec, double time = 0.5) {
  auto const [d, h, w] = spec->grid.shape();
  auto const c = spec->fields.channels();
  auto x = at::arange(2 * c * d * h * w, at::kFloat).view({2, c, d, h, w});
  auto const& box = spec->block.box;
  for (int64_t a = 0; a < 3; ++a) {
    auto const i = static_cast<size_t>(a);
    x = x.narrow(a + 2, box.first[i], box.size[i]);
  }
  return {x.contiguous(), time, spec};
}

std::vector<std::string> names_of(InSituFrame const& frame) {
  std::vector<std::string> names;
  for (auto const& array : frame.arrays) {
    names.push_back(array.name);
  }
  return names;
}

TEST(InSituSink, HandsOverTheStatesOwnMemory) {
  Screen screen;
  auto const spec = box_spec();
  InSituSink sink({}, spec, 1, onto(screen), Communicator::self());
  auto const state = state_of(spec);
  sink.write(0, state);
  ASSERT_EQ(screen.frames.size(), 1);
  auto const& frame = screen.frames[0];
  EXPECT_THAT(names_of(frame), ElementsAre("u", "w", "u_truth", "u_error"));
  for (int64_t c = 0; c < 4; ++c) {
    EXPECT_EQ(frame.arrays[static_cast<size_t>(c)].values.data_ptr(),
              state.values[1][c].data_ptr());
  }
}

TEST(InSituSink, BringsAStateThatIsOnAGpuToTheHost) {
  auto const gpu = test_gpu();
  if (!gpu) {
    GTEST_SKIP() << needs_gpu();
  }
  Screen screen;
  auto const spec = box_spec();
  InSituSink sink({}, spec, 1, onto(screen), Communicator::self());
  auto const state = state_of(spec);
  sink.write(0, {state.values.to(*gpu), state.time, spec});
  auto const& arrays = screen.frames.at(0).arrays;
  for (int64_t c = 0; c < 4; ++c) {
    EXPECT_TRUE(at::equal(arrays[static_cast<size_t>(c)].values, state.values[1][c]));
  }
}

TEST(InSituSink, PassesTimeUnitsAndPlaces) {
  Screen screen;
  auto const spec = box_spec();
  InSituSink sink({}, spec, 0, onto(screen), Communicator::self());
  sink.write(3, state_of(spec, 1.5));
  auto const& frame = screen.frames.at(0);
  EXPECT_EQ(frame.step, 3);
  EXPECT_EQ(frame.time, 1.5);
  EXPECT_EQ(frame.time_unit, "s");
  EXPECT_EQ(frame.arrays[0].units, "K");
  EXPECT_TRUE(frame.is_uniform);
  EXPECT_EQ(frame.whole, (std::array<int64_t, 3>{4, 6, 9}));
  EXPECT_EQ(frame.coordinates[2], count_up(9));
}

/// The blocks of a globe that the ranks divide among them, whose latitudes descend unevenly.
void expect_globe(int along_latitude, int along_longitude) {
  auto const world = Communicator::world();
  Screen screen;
  auto spec = std::make_shared<StateSpec>();
  spec->fields = FieldSet({{.name = "u"}});
  spec->grid = Grid({axis("latitude", {70, 60, 20, 0, -10}), axis("longitude", count_up(6))},
                    Geometry::lat_lon);
  spec->block =
      Decomposition(spec->grid.shape(), {1, along_latitude, along_longitude}).block(world.rank());
  InSituSink sink({}, spec, 0, onto(screen), world);
  sink.write(0, state_of(spec));
  auto const& frame = screen.frames.at(0);
  EXPECT_FALSE(frame.is_uniform);
  auto const& [first, size] = frame.own;
  std::vector<double> const latitudes = {-10, 0, 20, 60, 70};
  EXPECT_EQ(frame.coordinates[1],
            std::vector(latitudes.begin() + first[1], latitudes.begin() + first[1] + size[1]));
  auto const whole = at::arange(5 * 6, at::kFloat).view({1, 5, 6}).flip({1});
  EXPECT_TRUE(at::equal(frame.arrays[0].values,
                        whole.narrow(1, first[1], size[1]).narrow(2, first[2], size[2])));
  auto const& block = spec->block.box;  // and the layer that it shares
  EXPECT_LE(first[1], 5 - block.first[1] - block.size[1]);
  EXPECT_EQ(first[1] + size[1], 5 - block.first[1]);
  EXPECT_EQ(first[2], block.first[2]);
  EXPECT_EQ(world.all_reduce(frame.own.cells()),
            (5 + along_latitude - 1) * (6 + along_longitude - 1));
}

TEST(InSituSink, TurnsStretchedAndDescendingAxesAsTheFilesHaveThemOnAnySplit) {
  auto const ranks = Communicator::world().size();
  expect_globe(ranks, 1);
  expect_globe(1, ranks);
  expect_globe(ranks / 2 + ranks % 2, ranks > 1 ? 2 : 1);
}

TEST(InSituSink, ShowsALineOfOneDimension) {
  Screen screen;
  auto spec = std::make_shared<StateSpec>();
  spec->fields = FieldSet({{.name = "u"}});
  spec->grid = Grid({axis("x", count_up(5))});
  spec->block = whole_block(spec->grid.shape());
  InSituSink sink({}, spec, 0, onto(screen), Communicator::self());
  sink.write(0, state_of(spec));
  EXPECT_EQ(screen.frames.at(0).whole, (std::array<int64_t, 3>{1, 1, 5}));
}

TEST(InSituSink, GivesTruthAndErrorWithTheFieldsThatAreAskedFor) {
  Screen screen;
  auto const spec = box_spec();
  InSituSink sink({.fields = {"u"}}, spec, 0, onto(screen), Communicator::self());
  sink.write(0, state_of(spec));
  EXPECT_THAT(names_of(screen.frames.at(0)), ElementsAre("u", "u_truth", "u_error"));
}

/// Tells at its end whether what it was shown is still there.
class WatchfulView final : public InSitu {
 public:
  explicit WatchfulView(bool& is_there) : is_there_(is_there) {}
  ~WatchfulView() override { is_there_ = !shown_.expired(); }
  Result show(InSituFrame const& frame) override {
    shown_ = Weak(frame.arrays[0].values.getIntrusivePtr());
    return {};
  }

 private:
  using Weak = c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
  bool& is_there_;
  Weak shown_{c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>()};
};

TEST(InSituSink, KeepsWhatIsShownUntilTheViewHasEnded) {
  bool is_there = false;
  {
    auto const spec = box_spec();
    auto const open = [&](Communicator const&) { return std::make_unique<WatchfulView>(is_there); };
    InSituSink sink({}, spec, 0, open, Communicator::self());
    sink.write(0, state_of(spec));
  }
  EXPECT_TRUE(is_there);
}

TEST(InSituSink, ShowsEveryNthStep) {
  Screen screen;
  auto const spec = box_spec();
  InSituSink sink({.every = 3}, spec, 0, onto(screen), Communicator::self());
  for (int64_t step = 0; step <= 7; ++step) {
    sink.write(step, state_of(spec));
  }
  ASSERT_EQ(screen.frames.size(), 3);
  EXPECT_EQ(screen.frames[2].step, 6);
  EXPECT_EQ(sink.cost().frames, 3);
  EXPECT_EQ(sink.cost().bytes, 3 * 4 * 4 * 6 * 9 * 4);  // frames, fields, cells, float32
}

/// Splits over all ranks along `axis_number`, with ghosts or without.
void expect_blocks(size_t axis_number, int64_t ghosts) {
  auto const world = Communicator::world();
  Screen screen;
  auto const spec = box_spec();
  std::array<int, 3> parts = {1, 1, 1};
  parts[axis_number] = world.size();
  spec->block = Decomposition(spec->grid.shape(), parts).block(world.rank());
  InSituSink sink({.ghosts = ghosts}, spec, 1, onto(screen), world);
  auto const state = state_of(spec);
  sink.write(0, state);
  auto const& frame = screen.frames.at(0);
  auto const& box = spec->block.box;
  auto const end = spec->grid.shape()[axis_number];
  auto const own_end = std::min(box.first[axis_number] + box.size[axis_number] + 1, end);
  EXPECT_EQ(frame.own.first[axis_number], box.first[axis_number]);
  EXPECT_EQ(frame.own.first[axis_number] + frame.own.size[axis_number], own_end)
      << "the first layer of the next block is shared";
  EXPECT_EQ(frame.held.first[axis_number], std::max<int64_t>(box.first[axis_number] - ghosts, 0));
  auto const all = spec->grid.shape();
  auto const whole =
      at::arange(2 * 4 * all[0] * all[1] * all[2], at::kFloat).view({2, 4, all[0], all[1], all[2]});
  for (int64_t c = 0; c < 4; ++c) {
    auto expected = whole[1][c];
    for (int64_t a = 0; a < 3; ++a) {
      auto const i = static_cast<size_t>(a);
      expected = expected.narrow(a, frame.held.first[i], frame.held.size[i]);
    }
    EXPECT_TRUE(at::equal(frame.arrays[static_cast<size_t>(c)].values, expected));
  }
  EXPECT_EQ(sink.cost().bytes, 4 * 4 * frame.held.cells())
      << "no more than block, shared layer and ghosts";
}

TEST(InSituSink, HandsOverBlockSharedLayerAndGhostsOnly) {
  for (size_t a = 0; a < 3; ++a) {
    expect_blocks(a, 0);
  }
  if (Communicator::world().size() <= 2) {
    expect_blocks(0, 1);
  }
  expect_blocks(2, 1);
}

/// What the log says (on the first rank) of two frames that `screen` answers alike.
std::vector<std::string> said_of_two(Screen& screen) {
  auto const spec = box_spec();
  auto const world = Communicator::world();
  InSituSink sink({}, spec, 0, onto(screen), world);
  std::vector<std::string> said;
  for (int64_t step = 0; step < 2; ++step) {
    testing::internal::CaptureStderr();
    sink.write(step, state_of(spec));
    said.push_back(testing::internal::GetCapturedStderr());
  }
  EXPECT_THAT(sink.complaint(), HasSubstr("no display"));
  return said;
}

TEST(InSituSink, SaysOnceWhatFailedAndGoesOn) {
  Screen screen{.frames = {}, .answer = {InSitu::Ending::failed, "no display"}};
  auto const said = said_of_two(screen);
  EXPECT_EQ(screen.frames.size(), 1);
  if (Communicator::world().is_root()) {
    EXPECT_THAT(said[0],
                HasSubstr("ParaView could not show the run: no display; the run goes on and shows "
                          "no more (catalyst.on_error=stop would end it)"));
    EXPECT_THAT(said[1], IsEmpty());
  }
}

TEST(InSituSink, SaysOnceWhatWasNotWrittenAndShowsOn) {
  Screen screen{.frames = {}, .answer = {InSitu::Ending::complained, "no display"}};
  auto const said = said_of_two(screen);
  EXPECT_EQ(screen.frames.size(), 2);
  if (Communicator::world().is_root()) {
    EXPECT_THAT(said[0], HasSubstr("no display; the run goes on, and this is said once"));
    EXPECT_THAT(said[1], IsEmpty());
  }
}

TEST(InSituSink, SaysOnceThatAClientWentAndOnceThatADiskIsFull) {
  Screen screen{.frames = {}, .answer = {InSitu::Ending::left, "the client has gone"}};
  auto const spec = box_spec();
  InSituSink sink({}, spec, 0, onto(screen), Communicator::world());
  testing::internal::CaptureStderr();
  for (int64_t step = 0; step < 4; ++step) {
    sink.write(step, state_of(spec));
    screen.answer = step % 2 == 0 ? InSitu::Result{InSitu::Ending::complained, "no room"}
                                  : InSitu::Result{InSitu::Ending::left, "it has gone again"};
  }
  auto const said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(screen.frames.size(), 4);
  if (Communicator::world().is_root()) {
    EXPECT_THAT(said,
                AllOf(HasSubstr("the client has gone; the run"), HasSubstr("no room; the run")));
    EXPECT_THAT(said, Not(HasSubstr("again")));
    EXPECT_EQ(said.find("no room"), said.rfind("no room"));
  }
}

TEST(InSituSink, SaysAtOnceWhatFailedWhereAnotherRankWritesTheLogOnManyRanks) {
  auto const world = Communicator::world();
  auto const shows = world.rank() == world.size() - 1;  // a trajectory of its own
  Screen screen{.frames = {}, .answer = {InSitu::Ending::failed, "no display"}};
  auto const spec = box_spec();
  InSituSink sink({}, spec, 0, onto(screen), Communicator::self());
  testing::internal::CaptureStderr();
  if (shows) {
    sink.write(0, state_of(spec));
  }
  EXPECT_THAT(
      testing::internal::GetCapturedStderr(),
      shows ? HasSubstr("warning: ParaView could not show the run: no display") : HasSubstr(""));
}

TEST(InSituSink, EndsTheRunOnAllRanksIfAsked) {
  auto const world = Communicator::world();
  Screen screen;
  if (world.rank() == world.size() - 1) {
    screen.answer = {InSitu::Ending::failed, "no display"};
  }
  auto const spec = box_spec();
  InSituSink sink({.on_error = InSituError::stops}, spec, 0, onto(screen), world);
  EXPECT_THAT(message_of([&] { sink.write(0, state_of(spec)); }),
              HasSubstr("ParaView could not show the run: no display"));
}

TEST(InSituSink, EndsTheRunWhereOtherRanksWaitInside) {
  auto const world = Communicator::world();
  Screen screen;
  screen.answer = {InSitu::Ending::stuck, "no vorticity"};
  auto const spec = box_spec();
  // No rank waits for another: all could be the one that the others wait for.
  InSituSink sink({.patience = 0.5}, spec, 0, onto(screen), world);
  EXPECT_THAT(message_of([&] { sink.write(0, state_of(spec)); }),
              HasSubstr("ParaView could not show the run: no vorticity; other ranks wait for this "
                        "one inside ParaView and did not come out of it within 0.5 s "
                        "(catalyst.patience), so the run cannot go on"));
}

TEST(InSituSink, NamesTheFieldsThatThereAre) {
  EXPECT_EQ(message_of([] { check_shown_fields({.fields = {"uu"}}, box_spec()->fields); }),
            "there is no field 'uu'; did you mean 'u'? known: u, w, u_truth, u_error\n"
            "  while reading catalyst.fields");
}

TEST(InSituSink, RefusesNumbersThatMakeNoSense) {
  EXPECT_EQ(message_of([] { check({.every = 0}); }), "catalyst.every is 0; it must be at least 1");
  EXPECT_EQ(message_of([] { check({.ghosts = -1}); }),
            "catalyst.ghosts is -1; it must not be negative");
  EXPECT_EQ(message_of([] { check({.trajectory = -1}); }),
            "catalyst.trajectory is -1; it must not be negative");
  EXPECT_EQ(message_of([] { check({.patience = 0}); }),
            "catalyst.patience is 0; it must be above 0, in seconds");
}

}  // namespace
}  // namespace eddyline
