#include "data/pipeline/loader.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <limits>
#include <numeric>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr int64_t kWindows = 40;  // 5 series of 9 frames

Dataset small_data() {
  return Dataset(coded_reader({9, 9, 9, 9, 9}), plain_config(), Split::all, {}, kAnyPatch);
}

Statistics statistics_of(Dataset& data) {
  return compute_statistics(data, Communicator::self());
}

/// Sample numbers of the rest of an epoch in global order, from the shares of all ranks.
std::vector<std::vector<int64_t>> global_batches(Loader& loader, Communicator const& ranks) {
  std::vector<std::vector<int64_t>> batches;
  while (auto const batch = loader.next()) {
    std::string mine;
    for (auto const id : batch->sample_ids) {
      mine += std::to_string(id) + " ";
    }
    std::vector<int64_t> ids;
    for (auto const& text : ranks.all_gather(mine)) {
      std::istringstream words(text);
      for (int64_t id = 0; words >> id;) {
        ids.push_back(id);
      }
    }
    EXPECT_EQ(batch->global_size, static_cast<int64_t>(ids.size()));
    batches.push_back(ids);
  }
  return batches;
}

std::vector<std::vector<int64_t>> epoch_on(Communicator const& ranks,
                                           LoaderOptions const& options,
                                           int64_t epoch,
                                           int64_t first = 0) {
  auto data = small_data();
  Loader loader(data, statistics_of(data), options, ranks);
  loader.start(epoch, first);
  return global_batches(loader, ranks);
}

TEST(Loader, GlobalBatchesDoNotDependOnTheRanks) {
  LoaderOptions const options{.batch = 7, .order = Order::shuffled, .seed = 3};
  auto const together = epoch_on(Communicator::world(), options, 1);
  EXPECT_EQ(together, epoch_on(Communicator::self(), options, 1));
  ASSERT_EQ(together.size(), 6U);
  EXPECT_EQ(together.back().size(), 5U) << "the last one is short";
}

TEST(Loader, MirrorsTheSameSamplesOnAnyNumberOfRanks) {
  auto const world = Communicator::world();
  auto const mirrored_samples = [](Communicator const& ranks, int64_t epoch) {
    auto data = small_data();
    Loader loader(
        data, statistics_of(data), {.batch = 8, .order = Order::shuffled, .flips = {"y"}}, ranks);
    loader.start(epoch);
    std::vector<int64_t> mine;
    while (auto const batch = loader.next()) {
      for (int64_t i = 0; i < batch->size(); ++i) {
        // 0.01 y: the first cell along y is the lowest unless the sample is mirrored
        if (batch->input[i][0][0][0][0][0].item<float>() >
            batch->input[i][0][0][0][0][5].item<float>()) {
          mine.push_back(batch->sample_ids[static_cast<size_t>(i)]);
        }
      }
    }
    return mine;
  };
  auto const expected = mirrored_samples(Communicator::self(), 0);
  EXPECT_GT(expected.size(), 5U);
  EXPECT_LT(expected.size(), 35U) << "of 40, each with probability 1/2";
  EXPECT_NE(expected, mirrored_samples(Communicator::self(), 1));
  std::set<int64_t> const all(expected.begin(), expected.end());
  auto const mine = mirrored_samples(world, 0);
  for (auto const id : mine) {
    EXPECT_TRUE(all.contains(id)) << id;
  }
  EXPECT_EQ(world.all_reduce(static_cast<int64_t>(mine.size())),
            static_cast<int64_t>(expected.size()));
}

TEST(Loader, DoesNotMirrorWhatIsScaledByItsTrajectory) {
  auto config = plain_config();
  config.normalisation = Normalisation::oracle;
  Dataset data(coded_reader({9}), config, Split::all, {}, kAnyPatch);
  EXPECT_THAT(message_of([&] {
                Loader(data, statistics_of(data), {.flips = {"y"}}, Communicator::self());
              }),
              HasSubstr("data.flips does not go with data.normalisation=oracle"));
}

TEST(Loader, AnEpochGivesEverySampleOnce) {
  auto const batches = epoch_on(Communicator::world(), {.batch = 8, .order = Order::shuffled}, 0);
  std::set<int64_t> seen;
  for (auto const& batch : batches) {
    seen.insert(batch.begin(), batch.end());
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kWindows));
}

TEST(Loader, ShufflesAnewEachEpochAndBySeed) {
  LoaderOptions options{.batch = 8, .order = Order::shuffled};
  auto const first = epoch_on(Communicator::self(), options, 0);
  EXPECT_NE(first, epoch_on(Communicator::self(), options, 1));
  options.seed = 1;
  EXPECT_NE(first, epoch_on(Communicator::self(), options, 0));
}

TEST(Loader, GoesOnFromAnyPosition) {
  LoaderOptions const options{.batch = 8, .order = Order::shuffled};
  auto const whole = epoch_on(Communicator::world(), options, 2);
  auto const rest = epoch_on(Communicator::world(), options, 2, 3);
  EXPECT_EQ(rest, (std::vector<std::vector<int64_t>>{whole.begin() + 3, whole.end()}));
}

TEST(Loader, RunsOnIntoTheNextEpochUnchanged) {
  auto data = small_data();
  Loader loader(
      data, statistics_of(data), {.batch = 8, .order = Order::shuffled}, Communicator::self());
  loader.start(0);
  global_batches(loader, Communicator::self());
  loader.start(1);
  EXPECT_EQ(loader.epoch(), 1);
  EXPECT_EQ(global_batches(loader, Communicator::self()),
            epoch_on(Communicator::self(), {.batch = 8, .order = Order::shuffled}, 1));
}

TEST(Loader, MayBeSentElsewhereInMidEpoch) {
  auto data = small_data();
  Loader loader(
      data, statistics_of(data), {.batch = 8, .order = Order::shuffled}, Communicator::self());
  loader.start(0);
  loader.next();
  loader.start(5, 2);
  EXPECT_EQ(loader.position(), 2);
  auto const batches = global_batches(loader, Communicator::self());
  auto const whole = epoch_on(Communicator::self(), {.batch = 8, .order = Order::shuffled}, 5);
  EXPECT_EQ(batches, (std::vector<std::vector<int64_t>>{whole.begin() + 2, whole.end()}));
}

TEST(Loader, DropsTheShortBatchWhenAsked) {
  auto const batches = epoch_on(
      Communicator::world(), {.batch = 7, .order = Order::shuffled, .last = LastBatch::drop}, 0);
  ASSERT_EQ(batches.size(), 5U);
  EXPECT_EQ(batches.back().size(), 7U);
}

TEST(Loader, ARankReadsItsShareOfEachBatchOnly) {
  auto const world = Communicator::world();
  auto data = small_data();
  auto const statistics = statistics_of(data);
  auto const before = data.bytes_read();
  Loader loader(data, statistics, {.batch = 8}, world);
  loader.start(0);
  global_batches(loader, world);
  auto const all = kWindows * 2 * 3 * 48 * static_cast<int64_t>(sizeof(float));
  EXPECT_EQ(data.bytes_read() - before, all / world.size())
      << "8 is a multiple of the ranks, so shares are equal";
}

TEST(Loader, SharesDifferByAtMostOneSample) {
  auto const world = Communicator::world();
  auto data = small_data();
  Loader loader(data, statistics_of(data), {.batch = 7}, world);
  loader.start(0);
  while (auto const batch = loader.next()) {
    EXPECT_LE(std::abs(batch->size() - batch->global_size / world.size()), 1);
  }
}

TEST(Loader, ValuesAreThoseOfTheSamples) {
  auto data = small_data();
  Loader loader(
      data, statistics_of(data), {.batch = 8, .order = Order::shuffled}, Communicator::world());
  loader.start(0);
  while (auto const batch = loader.next()) {
    for (int64_t i = 0; i < batch->size(); ++i) {
      auto const address = data.window(batch->sample_ids[static_cast<size_t>(i)]);
      auto const series = coded_series(address.trajectory, 9);
      EXPECT_TRUE(batch->input[i][0].equal(series[address.first]));
      EXPECT_TRUE(batch->target[i][0].equal(series[address.first + 1]));
    }
  }
}

TEST(Loader, ErrorsOfItsThreadSurfaceWithTheBatchAndRank) {
  auto series = coded_series(0, 9);
  series[6][0][0][0][0] = std::numeric_limits<float>::quiet_NaN();
  auto clean = small_data();
  auto const statistics = statistics_of(clean);
  Dataset data(
      std::make_unique<MemoryReader>(some_fields(), some_grid(), std::vector<at::Tensor>{series}),
      plain_config(),
      Split::all,
      {},
      kAnyPatch);
  Loader loader(data, statistics, {.batch = 2}, Communicator::self());
  loader.start(0);
  EXPECT_TRUE(loader.next().has_value());  // frames 0 … 2
  EXPECT_TRUE(loader.next().has_value());  // 2 … 4
  for (int i = 0; i < 2; ++i) {            // 4 … 6, asked for twice
    auto const text = message_of([&] { loader.next(); });
    EXPECT_THAT(text, HasSubstr("field 'density' has 1 missing values"));
    EXPECT_THAT(text, HasSubstr("while preparing batch 2 on rank 0"));
  }
}

TEST(Loader, MakesBatchesAheadWhileOthersAreUsed) {
  auto data = small_data();
  Loader loader(data, statistics_of(data), {.batch = 4, .prefetch = 2}, Communicator::self());
  auto const before = data.bytes_read();
  loader.start(0);
  loader.next();
  auto const batch = 4 * 2 * 3 * 48 * static_cast<int64_t>(sizeof(float));
  for (int i = 0; i < 2000 && data.bytes_read() - before < 2 * batch; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_GE(data.bytes_read() - before, 2 * batch);
}

TEST(Loader, MeasuresHowLongItWaited) {
  auto data = small_data();
  Loader loader(data, statistics_of(data), {.batch = 4}, Communicator::self());
  EXPECT_EQ(loader.wait_seconds(), 0);
  loader.start(0);
  loader.next();
  EXPECT_GT(loader.wait_seconds(), 0);
  EXPECT_LT(loader.wait_seconds(), 10);
}

TEST(Loader, RefusesAPartWithoutWindows) {
  Dataset data(coded_reader({2}), plain_config(), Split::all, {.history = 4}, kAnyPatch);
  auto const text =
      message_of([&] { Loader(data, statistics_of(data), {}, Communicator::self()); });
  EXPECT_THAT(text, HasSubstr("the all part of 'memory' has no window of 5 frames"));
}

TEST(Loader, RefusesABatchThatCannotBeShared) {
  auto data = small_data();
  auto const statistics = statistics_of(data);
  EXPECT_THAT(message_of([&] {
                Loader(
                    data, statistics, {.batch = 64, .last = LastBatch::drop}, Communicator::self());
              }),
              HasSubstr("a batch of 64 is more than the 40 windows"));
  if (Communicator::world().size() > 1) {
    EXPECT_THAT(
        message_of([&] {
          Loader(data, statistics, {.batch = 1, .last = LastBatch::drop}, Communicator::world());
        }),
        HasSubstr("a batch of 1 cannot be shared by"));
  }
}

TEST(Loader, RefusesAPlaceBeyondTheEpoch) {
  auto data = small_data();
  Loader loader(data, statistics_of(data), {.batch = 8}, Communicator::self());
  EXPECT_THAT(message_of([&] { loader.start(0, 6); }), HasSubstr("an epoch has 5 batches"));
}

}  // namespace
}  // namespace eddyline
