#include "data/sinks/constants_file.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <gtest/gtest.h>

#include "data/hdf5/file.hpp"
#include "data/sharding/part_of.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

constexpr std::array<int64_t, 3> kCells = {20, 24, 28};

Axis axis_of(char const* name, int64_t size) {
  Axis axis{.name = name};
  axis.coordinates.clear();
  for (int64_t i = 0; i < size; ++i) {
    axis.coordinates.push_back(static_cast<double>(i));
  }
  return axis;
}

/// Two constant fields: the second trajectory has those of the first, the third others in one cell,
/// which is one rank's.
at::Tensor constants_of(size_t trajectory) {
  auto values = at::arange(2 * 20 * 24 * 28, at::kFloat).view({2, 20, 24, 28});
  if (trajectory == 2) {
    values[1][19][23][27] = -1;
  }
  return values;
}

class ConstantsFile : public testing::Test {
 protected:
  ConstantsFile()
      : folder_(std::filesystem::temp_directory_path() /
                concat("eddyline_constants_file_test.np", world_.size())) {
    world_.barrier();
    if (world_.is_root()) {
      std::filesystem::remove_all(folder_.path());
      std::filesystem::create_directories(folder_.path());
    }
    world_.barrier();
    description_.name = "box";
    description_.fields = FieldSet({Field{.name = "p"}});
    description_.constants = FieldSet({Field{.name = "depth"}, Field{.name = "roughness"}});
    description_.grid =
        Grid({axis_of("x", kCells[0]), axis_of("y", kCells[1]), axis_of("z", kCells[2])});
  }
  Block block() const {
    std::array<int, 3> const parts =
        world_.size() == 4 ? std::array{2, 1, 2} : std::array{1, world_.size(), 1};
    return Decomposition(kCells, parts).block(world_.rank());
  }
  /// Each rank writes its block of the constant fields of three trajectories.
  void write() {
    for (size_t i = 0; i < 3; ++i) {
      description_.trajectories.push_back(
          {"", {}, part_of(constants_of(i), block().box).contiguous()});
    }
    folder_.describe(description_, block(), &world_);
  }

  Communicator world_ = Communicator::world();
  RolloutFolder folder_;
  RolloutDescription description_;
};

TEST_F(ConstantsFile, OfSeveralRanksHoldsTheWholeFields) {
  write();
  for (size_t i = 0; i < 3; ++i) {
    for (auto const& box : {block().box, Box{.size = kCells}}) {
      EXPECT_TRUE(at::equal(read_constants(folder_, static_cast<int64_t>(i), box),
                            part_of(constants_of(i), box)));
    }
  }
}

TEST_F(ConstantsFile, LeavesOutFieldsThatEqualTheFirstOnAllRanks) {
  write();
  EXPECT_EQ(Hdf5File::open(folder_.constants()).data_sets(), (std::vector<std::string>{"0", "2"}));
}

TEST_F(ConstantsFile, IsAGroupOfTheRollout) {
  write();
  EXPECT_EQ(Hdf5File::open(folder_.master()).open_group("constants").data_sets(),
            (std::vector<std::string>{"0", "2"}));
}

TEST_F(ConstantsFile, TakesNoMoreMemoryThanTheBlocksOfARank) {
  struct Listener final : c10::MemoryReportingInfoBase {
    void reportMemoryUsage(void*, int64_t bytes, size_t, size_t, c10::Device) override {
      most = std::max(most, bytes);
    }
    bool memoryProfilingEnabled() const override { return true; }
    int64_t most = 0;
  };
  write();
  auto const listener = std::make_shared<Listener>();
  auto const bytes = 2 * block().box.cells() * static_cast<int64_t>(sizeof(float));
  {
    c10::DebugInfoGuard const guard(c10::DebugInfoKind::PROFILER_STATE, listener);
    folder_.describe(description_, block(), &world_);
    (void)read_constants(folder_, 2, block().box);
  }
  EXPECT_GT(listener->most, 0);
  EXPECT_LE(listener->most, bytes);
}

TEST_F(ConstantsFile, SaysWhyItCannotBeWrittenOnAllRanks) {
  EXPECT_THAT(message_of([&] {
                description_.trajectories.push_back(
                    {"", {}, part_of(constants_of(0), block().box).contiguous()});
                write_constants(
                    RolloutFolder(folder_.path() / "nowhere"), description_, block(), &world_);
              }),
              testing::HasSubstr("nowhere"));
}

}  // namespace
}  // namespace eddyline
