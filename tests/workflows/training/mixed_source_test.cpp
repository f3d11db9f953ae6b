#include "workflows/training/mixed_source.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/core/shared_folder.hpp"
#include "tests/workflows/training/tiny.hpp"

namespace eddyline {
namespace {

/// Two tiny data sets of 5 and 3 batches; samples of the second count from 100.
struct TinyMix {
  explicit TinyMix(Communicator const& ranks, std::vector<double> const& weights = {1, 1})
      : a({.samples = 20, .batch = 4, .seed = 3}, ranks),
        b({.samples = 9, .batch = 3, .seed = 4}, ranks),
        mix({{&a, weights[0]}, {&b, weights[1]}}, /*seed=*/7) {}
  tiny::Source a, b;
  MixedSource mix;
};

/// Set and sample numbers of all batches of some epochs, joined over the ranks.
std::vector<std::string> batches(TinyMix& data, Communicator const& ranks, int64_t epochs) {
  std::vector<std::string> all;
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    data.mix.start(epoch, 0);
    for (int64_t i = 0; i < data.mix.batches(); ++i) {
      auto const batch = data.mix.next();
      auto text = std::to_string(data.mix.order()[static_cast<size_t>(i)]) + ":";
      std::string own;
      for (auto const id : batch ? batch->sample_ids : std::vector<int64_t>{}) {
        own += " " + std::to_string(id);
      }
      for (auto const& share : ranks.all_gather(own)) {
        text += share;
      }
      all.push_back(text);
    }
  }
  return all;
}

TEST(MixedSource, PassesThroughEachSetAsOftenAsItsWeightSays) {
  auto const self = Communicator::self();
  TinyMix once(self);
  EXPECT_EQ(once.mix.shares(), (std::vector<int64_t>{5, 3}));
  TinyMix weighted(self, {0.2, 2.0});
  EXPECT_EQ(weighted.mix.shares(), (std::vector<int64_t>{1, 6}));
  EXPECT_EQ(weighted.mix.batches(), 7);
  TinyMix rare(self, {0.01, 1.0});
  EXPECT_EQ(rare.mix.shares()[0], 1) << "no set is left out";
}

TEST(MixedSource, ShowsEverySampleOfASetBeforeOneAgain) {
  auto const self = Communicator::self();
  TinyMix data(self, {0.4, 1.0});  // 2 of 5 batches of set 0 an epoch: five epochs show it twice
  std::map<int64_t, int> seen;
  for (int64_t epoch = 0; epoch < 5; ++epoch) {
    data.mix.start(epoch, 0);
    for (int64_t i = 0; i < data.mix.batches(); ++i) {
      auto const batch = data.mix.next();
      if (data.mix.order()[static_cast<size_t>(i)] == 0) {
        EXPECT_EQ(data.mix.samples(i), 4);
        for (auto const id : batch->sample_ids) {
          ++seen[id];
        }
      }
    }
  }
  ASSERT_EQ(seen.size(), 20U);
  for (auto const& [id, count] : seen) {
    EXPECT_EQ(count, 2) << id;
  }
}

TEST(MixedSource, DrawsTheSameBatchesOnAnyNumberOfRanksAndOthersInEachEpoch) {
  auto const world = Communicator::world();
  auto const self = Communicator::self();
  TinyMix ours(world), reference(self);
  auto const all = batches(reference, self, 2);
  EXPECT_EQ(batches(ours, world, 2), all);
  auto const half = static_cast<int64_t>(all.size()) / 2;
  EXPECT_NE(std::vector<std::string>(all.begin(), all.begin() + half),
            std::vector<std::string>(all.begin() + half, all.end()));
}

TEST(MixedSource, GoesOnFromAnyPlaceAsIfItHadNotStopped) {
  auto const self = Communicator::self();
  TinyMix whole(self);
  whole.mix.start(3, 0);
  std::vector<Batch> expected;
  for (int64_t i = 0; i < whole.mix.batches(); ++i) {
    expected.push_back(*whole.mix.next());
  }
  for (int64_t first = 0; first < whole.mix.batches(); ++first) {
    TinyMix again(self);
    again.mix.start(3, first);
    for (int64_t i = first; i < again.mix.batches(); ++i) {
      auto const batch = again.mix.next();
      EXPECT_EQ(batch->sample_ids, expected[static_cast<size_t>(i)].sample_ids)
          << first << " " << i;
      EXPECT_TRUE(at::equal(batch->input, expected[static_cast<size_t>(i)].input));
    }
    EXPECT_FALSE(again.mix.next().has_value());
  }
}

TEST(MixedSource, TrainingOnItResumesBitForBit) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto config = tiny::config();
  config.steps = 20;
  config.accumulate = 2;
  config.ema.decay = 0.9;
  auto const train = [&](std::string const& name, int64_t stop_at, bool resume) {
    TinyMix data(world);
    tiny::Source valid_a({.samples = 5, .batch = 3, .seed = 77}, world);
    tiny::Source valid_b({.samples = 4, .batch = 2, .seed = 78}, world);
    std::filesystem::create_directories(folder / name);
    Trainer* running = nullptr;
    auto const network = std::make_shared<tiny::Network>();
    Trainer trainer({.surrogate = network,
                     .train = &data.mix,
                     .valid = {{"a", &valid_a}, {"b", &valid_b}},
                     .folder = folder / name,
                     .stop_requested = [&] { return running->state().step == stop_at; }},
                    config,
                    world);
    running = &trainer;
    if (resume) {
      trainer.resume(read_native(trainer.checkpoints().last()));
    }
    trainer.run();
    return read_native(trainer.checkpoints().last());
  };
  auto const whole = train("whole", -1, false);
  train("parts", 7, false);
  auto const parts = train("parts", -1, true);
  ASSERT_EQ(whole.tensors.size(), parts.tensors.size());
  for (auto const& [name, tensor] : whole.tensors) {
    EXPECT_TRUE(at::equal(tensor, parts.tensors.at(name))) << name;
  }
  auto const& validation = whole.facts["validation"];
  EXPECT_NEAR(
      validation["loss"].get<double>(),
      (validation["losses"]["a"].get<double>() + validation["losses"]["b"].get<double>()) / 2,
      1e-12);
  EXPECT_EQ(validation["channels"][0], "a.a");
}

}  // namespace
}  // namespace eddyline
