#include "data/sinks/segment_file.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "data/hdf5/file.hpp"
#include "data/sharding/part_of.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

Axis axis_of(char const* name, int64_t size, double step) {
  Axis axis{.name = name};
  axis.coordinates.clear();
  for (int64_t i = 0; i < size; ++i) {
    axis.coordinates.push_back(step * static_cast<double>(i));
  }
  return axis;
}

/// Frames of a scalar and a vector on 5 × 6 × 7 cells whose second axis descends, with a memory
/// that has a field, a clock and a number for each trajectory.
class SegmentFile : public testing::Test {
 protected:
  SegmentFile()
      : grid_({axis_of("x", 5, 1), axis_of("y", 6, -0.5), axis_of("z", 7, 2)}),
        scene_(FieldSet(std::vector<Field>{
                   {.name = "p"}, {.name = "v", .components = {"x", "y", "z"}, .order = 1}}),
               grid_) {
    folder_ = std::filesystem::temp_directory_path() /
              concat("eddyline_segment_file_test.np", world_.size());
    world_.barrier();
    if (world_.is_root()) {
      std::filesystem::remove_all(folder_);
      std::filesystem::create_directories(folder_);
    }
    world_.barrier();
    for (int64_t step = 3; step < 6; ++step) {
      whole_.frames.push_back({step, 0.5 * static_cast<double>(step), values(step)});
    }
    whole_.restart = {.step = 5,
                      .window = at::stack({values(4), values(5)}).unsqueeze(0),
                      .times = {2, 2.5},
                      .memory = {{"clock", at::full({1, 2}, 7.0, at::kDouble)},
                                 {"count", at::full({1}, 3, at::kLong)},
                                 {"state", values(9).to(at::kDouble).unsqueeze(0)}}};
  }
  at::Tensor values(int64_t step) const {
    return at::arange(4 * 5 * 6 * 7, at::kFloat).view({4, 5, 6, 7}) + 1000.0 * double(step);
  }
  Block block() const {
    std::array<int, 3> const parts =
        world_.size() == 4 ? std::array{2, 1, 2} : std::array{1, world_.size(), 1};
    return Decomposition(grid_.shape(), parts).block(world_.rank());
  }
  Segment own() const {
    auto segment = whole_;
    auto const box = block().box;
    for (auto& frame : segment.frames) {
      frame.values = part_of(frame.values, box);
    }
    segment.restart.block = block();
    segment.restart.window = part_of(segment.restart.window, box);
    segment.restart.memory["state"] = part_of(segment.restart.memory["state"], box);
    return segment;
  }

  Communicator world_ = Communicator::world();
  Grid grid_;
  Scene scene_;
  std::filesystem::path folder_;
  Segment whole_;
};

void expect_equal(Hdf5Group const& a, Hdf5Group const& b) {
  ASSERT_EQ(a.data_sets(), b.data_sets());
  ASSERT_EQ(a.groups(), b.groups());
  for (auto const& name : a.data_sets()) {
    auto const x = a.open_data_set(name), y = b.open_data_set(name);
    EXPECT_EQ(x.type_name(), y.type_name()) << name;
    EXPECT_TRUE(at::equal(x.read_all(at::kDouble), y.read_all(at::kDouble))) << name;
  }
  for (auto const& name : a.groups()) {
    expect_equal(a.open_group(name), b.open_group(name));
  }
}

TEST_F(SegmentFile, OfSeveralRanksHoldsWhatThatOfOneHolds) {
  if (world_.is_root()) {
    write_segment(folder_ / "alone.h5", scene_, whole_);
  }
  write_segment(folder_ / "together.h5", scene_, own(), block(), &world_);
  world_.barrier();
  expect_equal(Hdf5File::open(folder_ / "alone.h5"), Hdf5File::open(folder_ / "together.h5"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "together.h5.tmp"));
}

TEST_F(SegmentFile, GivesEachRankItsBlockToGoOnFrom) {
  write_segment(folder_ / "together.h5", scene_, own(), block(), &world_);
  auto const mine = block();
  auto const restart = read_restart(folder_ / "together.h5", &mine), expected = own().restart;
  EXPECT_EQ(restart.step, 5);
  EXPECT_EQ(restart.times, expected.times);
  EXPECT_TRUE(at::equal(restart.window, expected.window));
  for (auto const& [name, value] : expected.memory) {
    EXPECT_TRUE(at::equal(restart.memory.at(name), value)) << name;
  }
  EXPECT_TRUE(
      at::equal(read_restart(folder_ / "together.h5", nullptr).window, whole_.restart.window));
}

TEST_F(SegmentFile, SaysThatAFileIsOfAnotherGrid) {
  write_segment(folder_ / "together.h5", scene_, own(), block(), &world_);
  auto const other = whole_block({5, 6, 8});
  EXPECT_THAT(
      message_of([&] { read_restart(folder_ / "together.h5", &other); }),
      testing::AllOf(testing::HasSubstr("'window' has 7 cells on axis W where 8 are expected"),
                     testing::HasSubstr("together.h5'")));
}

TEST_F(SegmentFile, SaysWhyItCannotBeWrittenOnAllRanks) {
  EXPECT_THAT(message_of([&] {
                write_segment(folder_ / "nowhere" / "a.h5", scene_, own(), block(), &world_);
              }),
              testing::HasSubstr("nowhere"));
}

}  // namespace
}  // namespace eddyline
