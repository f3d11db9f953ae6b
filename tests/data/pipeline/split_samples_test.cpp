// Batches of blocks are the blocks of batches.
#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "data/pipeline/batch_maker.hpp"
#include "data/pipeline/statistics.hpp"
#include "data/sharding/part_of.hpp"
#include "tests/data/pipeline/memory_reader.hpp"
#include "tests/largest_tensor.hpp"
#include "tests/message_of.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

/// The same data whole and as this rank's block.
struct WholeAndSplit {
  Dataset whole, split;
  BatchMaker whole_batches, split_batches;

  WholeAndSplit(DataConfig const& config, std::array<int64_t, 3> patch)
      : whole(config, Split::all, {.history = 2}, patch, Communicator::self()),
        split(config, Split::all, {.history = 2}, patch, mesh()),
        whole_batches(whole, compute_statistics(whole, Communicator::self()), at::kCPU),
        split_batches(split, compute_statistics(split, Communicator::world()), at::kCPU) {}

  at::Tensor own(at::Tensor const& values) const { return part_of(values, split.block().box); }

  static std::shared_ptr<Mesh> mesh() {
    auto const world = Communicator::world();
    return std::make_shared<Mesh>(
        world, world.size() == 4 ? std::array{1, 2, 2} : std::array{1, 1, world.size()});
  }
};

DataConfig active_matter() {
  auto config = plain_config();
  config.path = source_file("tests/fixtures/formats/well/active_matter_mini");
  return config;
}

void expect_own_part(Batch const& split, Batch const& whole, WholeAndSplit const& data) {
  EXPECT_TRUE(split.input.equal(data.own(whole.input)));
  EXPECT_TRUE(split.target.equal(data.own(whole.target)));
  ASSERT_EQ(split.mask.defined(), whole.mask.defined());
  if (whole.mask.defined()) {
    EXPECT_TRUE(split.mask.equal(data.own(whole.mask)));
  }
  // Float32 sums in another order.
  EXPECT_TRUE(at::allclose(split.input_norm.mean, whole.input_norm.mean, 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(split.input_norm.scale, whole.input_norm.scale, 1e-5, 1e-6));
}

TEST(SplitSamples, AreMirroredAcrossTheRanksOnManyRanks) {
  WholeAndSplit data(active_matter(), {1, 1, 1});
  for (auto const& flips : {Flips{false, true, false}, Flips{false, true, true}}) {
    expect_own_part(data.split_batches.make({0, 1}, {flips, {}}),
                    data.whole_batches.make({0, 1}, {flips, {}}),
                    data);
  }
}

TEST(SplitSamples, ReadTheMirrorImageOfTheirBlockAloneOnManyRanks) {
  WholeAndSplit data(active_matter(), {1, 1, 1});
  Flips const both = {false, true, true};
  auto const before = data.split.bytes_read();
  (void)data.split_batches.make({0});
  auto const plain = data.split.bytes_read() - before;
  (void)data.split_batches.make({0}, {both});
  EXPECT_EQ(data.split.bytes_read() - before, 2 * plain);
}

TEST(SplitSamples, ReadTheConstantFieldsOfTheirBlockAloneOnManyRanks) {
  auto config = plain_config();
  config.path = source_file("tests/fixtures/formats/well/box3d_mini");
  auto const part = [&](std::shared_ptr<Mesh const> const& mesh) {
    return Dataset(config, Split::all, {.history = 2}, {1, 1, 1}, mesh);
  };
  auto whole = part(std::make_shared<Mesh>(Communicator::self(), std::array<int, 3>{1, 1, 1}));
  auto split = part(WholeAndSplit::mesh());
  auto const before = split.bytes_read();
  auto const own = split.file_cells(split.constants(0));
  EXPECT_EQ(split.bytes_read() - before, static_cast<int64_t>(own.nbytes()));
  EXPECT_TRUE(own.equal(part_of(whole.file_cells(whole.constants(0)), split.block().box)));
  EXPECT_LT(own.numel(), whole.file_cells(whole.constants(0)).numel());
}

TEST(SplitSamples, HaveTheCoordinatesOfTheirBlockAndNoMapOfAllCellsOnManyRanks) {
  auto config = active_matter();
  config.coordinates = true;
  WholeAndSplit data(config, {1, 1, 1});
  expect_own_part(data.split_batches.make({0, 1}), data.whole_batches.make({0, 1}), data);
  auto const& box = data.split.block().box;
  auto const largest = largest_tensor(
      [&] { KnownFields(config, data.split.source(), data.split.fit().grid()).at({0}, {}, box); });
  constexpr int64_t kAxes = 2;
  EXPECT_LE(largest, kAxes * box.cells() * static_cast<int64_t>(sizeof(float)));
}

TEST(SplitSamples, ArePaddedAtTheEdgesOfTheWholeGridOnManyRanks) {
  auto config = active_matter();
  config.fit = FitMode::pad;
  for (auto const normalisation : {Normalisation::dataset, Normalisation::window}) {
    config.normalisation = normalisation;
    WholeAndSplit data(config, {1, 5, 3});
    ASSERT_TRUE(data.split.fit().adds_cells());
    Flips const along_y = {false, false, true};
    auto const whole = data.whole_batches.make({0, 2}, {{}, along_y});
    auto const split = data.split_batches.make({0, 2}, {{}, along_y});
    expect_own_part(split, whole, data);
    EXPECT_TRUE(data.split.file_cells(split.input)
                    .equal(part_of(data.whole.file_cells(whole.input),
                                   data.split.compared_sharding()->block().box)));
  }
}

TEST(SplitSamples, AreScaledByTheirWholeTrajectoryOnManyRanks) {
  auto config = active_matter();
  config.normalisation = Normalisation::oracle;
  WholeAndSplit data(config, {1, 1, 1});
  expect_own_part(data.split_batches.make({0, 3}), data.whole_batches.make({0, 3}), data);
}

/// 8 rows, and 10 columns that cross the first.
GridPart crossing_part(Dataset const& data) {
  auto const cells = data.fit().grid().shape();
  GridPart part{.cells = {cells[1], cells[2]}, .rows = {4, 5, 6, 7, 8, 9, 10, 11}, .columns = {}};
  for (int64_t i = 0; i < 10; ++i) {
    part.columns.push_back((cells[2] - 6 + i) % cells[2]);
  }
  return part;
}

TEST(SplitSamples, HaveTargetsOnTheirPartOfARegionOnManyRanks) {
  WholeAndSplit data(active_matter(), {1, 2, 2});
  data.whole.predict_part(crossing_part(data.whole));
  data.split.predict_part(crossing_part(data.whole));
  auto const& box = data.split.batch_spec()->output_sharding()->block().box;
  EXPECT_EQ(data.split.compared_sharding()->block().box, box);
  for (auto const& flips : {Flips{}, Flips{false, true, true}}) {
    auto const whole = data.whole_batches.make({0, 2}, {flips, {}});
    auto const split = data.split_batches.make({0, 2}, {flips, {}});
    EXPECT_TRUE(split.input.equal(data.own(whole.input)));
    EXPECT_TRUE(split.target.equal(part_of(whole.target, box)));
  }
  auto const state = data.whole.read({0, 1, 1, 1}).values;
  EXPECT_TRUE(data.split.compared(data.own(state)).equal(part_of(data.whole.compared(state), box)));
}

TEST(SplitSamples, NameTheSplitsThatARegionAllowsOnManyRanks) {
  WholeAndSplit data(active_matter(), {1, 1, 1});
  EXPECT_THAT(message_of<Error>([&] {
                auto part = crossing_part(data.whole);
                part.rows = {0};
                part.columns = {3};
                data.split.predict_part(part);
              }),
              testing::AllOf(testing::HasSubstr("ranks; allowed: 1"),
                             testing::HasSubstr("dividing the region that the network predicts by "
                                                "parallel.domain"),
                             testing::HasSubstr("predicting a part of '")));
}

}  // namespace
}  // namespace eddyline
