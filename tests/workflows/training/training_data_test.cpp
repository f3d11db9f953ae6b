#include "workflows/training/training_data.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/pipeline/memory_reader.hpp"
#include "tests/places.hpp"
#include "workflows/training/train_job.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

/// The small active matter set twice: its concentration, and its velocity at two strides.
TrainJobConfig two_sets() {
  return parse_config<TrainJobConfig>(
      "data: {splits: {by: trajectories, fractions: [0.67, 0.33, 0.0]}, mix: {\n  a: {path: " +
          source_file("tests/fixtures/formats/well/active_matter_mini") +
          ", fields: [concentration]},\n  b: {path: " +
          source_file("tests/fixtures/formats/well/active_matter_mini") +
          ", fields: [velocity], strides: [1, 2], weight: 2}}}\ntrain: {batch: 2}\n",
      "test.yaml");
}

TrainingData opened(TrainJobConfig const& config, Communicator const& ranks) {
  return {data_parts(config.data),
          config.train,
          {1, 1, 1},
          std::make_shared<Mesh const>(ranks, std::array<int, 3>{1, 1, 1})};
}

TEST(TrainingData, GivesANetworkTheFieldsOfAllSetsUnlessItTakesAny) {
  auto const world = Communicator::world();
  auto const data = opened(two_sets(), world);
  auto const& gphyt = surrogate_entry("gphyt");
  EXPECT_EQ(data.spec(gphyt).input_fields.channel_names().size(), 3U);
  ASSERT_TRUE(data.fields(gphyt).has_value());
  auto const& morph = surrogate_entry("morph");
  EXPECT_EQ(data.spec(morph).input_fields.channel_names().size(), 1U);
  EXPECT_FALSE(data.fields(morph).has_value());
}

TEST(TrainingData, KeepsTheFieldsThatAModelOfSeveralSetsLearned) {
  auto const world = Communicator::world();
  auto const& gphyt = surrogate_entry("gphyt");
  auto const both = opened(two_sets(), world);
  nlohmann::json facts;
  store_model(facts,
              {.surrogate = "gphyt",
               .spec = both.spec(gphyt),
               .rule = {.kind = TargetKind::state, .fields = both.fields(gphyt)}});
  auto config = two_sets();
  config.data.mix.erase("a");
  auto one = opened(config, world);
  EXPECT_EQ(one.spec(gphyt).input_fields.channel_names().size(), 2U);
  EXPECT_FALSE(one.fields(gphyt).has_value());
  one.keep_fields(facts);
  EXPECT_EQ(one.spec(gphyt).input_fields, both.spec(gphyt).input_fields);
  EXPECT_EQ(one.fields(gphyt)->outputs, both.fields(gphyt)->outputs);
  EXPECT_FALSE(one.fields(surrogate_entry("morph")).has_value()) << "takes any fields";
  apply_overrides(config, {"data.mix.b.fields=[concentration, velocity, D]"});
  auto more = opened(config, world);
  more.keep_fields(facts);
  EXPECT_FALSE(more.fields(gphyt).has_value()) << "D is none that was learned";
}

TEST(TrainingData, KeepsStatisticsAndFactsOfEachSetByItsName) {
  auto const world = Communicator::world();
  auto data = opened(two_sets(), world);
  data.settle_statistics(nullptr, world);
  NativeCheckpoint checkpoint;
  data.store(checkpoint.facts);
  EXPECT_EQ(checkpoint.facts["statistics"]["a"]["channels"].size(), 1U);
  EXPECT_EQ(checkpoint.facts["statistics"]["b"]["channels"].size(), 2U);
  EXPECT_EQ(checkpoint.facts["mix"]["b"]["more_steps"].size(), 1U);
  auto again = opened(two_sets(), world);
  again.settle_statistics(&checkpoint, world);
  EXPECT_EQ(again.sets()[1].statistics.mean, data.sets()[1].statistics.mean);
  EXPECT_NO_THROW(again.check_resumed(checkpoint, {}));
}

TEST(TrainingData, TellsWhichSetIsNotTheRunsThatIsResumed) {
  auto const world = Communicator::world();
  auto data = opened(two_sets(), world);
  data.settle_statistics(nullptr, world);
  NativeCheckpoint checkpoint;
  data.store(checkpoint.facts);
  auto config = two_sets();
  apply_overrides(config, {"data.mix.b.fields=[concentration]"});
  EXPECT_THAT(message_of([&] { opened(config, world).check_resumed(checkpoint, {}); }),
              HasSubstr("(data.mix.b) is not what the model was trained on"));
  checkpoint.facts["mix"].erase("a");
  EXPECT_THAT(message_of([&] { data.check_resumed(checkpoint, {}); }),
              HasSubstr("was not on the data set 'a' of data.mix"));
}

TEST(TrainingData, TellsWhichSetHasNoSample) {
  auto const world = Communicator::world();
  auto config = two_sets();
  apply_overrides(config, {"data.mix.b.strides=[1000]"});
  EXPECT_THAT(message_of([&] { opened(config, world); }),
              testing::AllOf(HasSubstr("(data.mix.b) has no sample"),
                             HasSubstr("while opening data.mix.b")));
}

TEST(TrainingSources, DealBatchesByWeight) {
  auto const world = Communicator::world();
  auto const config = two_sets();
  auto data = opened(config, world);
  data.settle_statistics(nullptr, world);
  auto train = config.train;
  train.batch = 4;  // at least one sample a rank
  TrainingSources sources(data, train, at::kCPU, world);
  EXPECT_THAT(sources.describe(), HasSubstr(" batches an epoch: a "));
  EXPECT_EQ(sources.train().specs().size(), 2U);
  EXPECT_EQ(sources.valid().size(), 2U);
  EXPECT_EQ(sources.valid()[1].name, "b");
  sources.train().start(0, 0);
  auto const increments = sources.increments(at::kCPU);
  for (int64_t i = 0; i < sources.train().batches(); ++i) {
    auto const batch = sources.train().next();
    ASSERT_TRUE(batch.has_value());
    EXPECT_EQ(batch->input.size(2), batch->spec->input_fields.channels());
    EXPECT_EQ(increments.at(batch->spec->dataset).scale.size(1), batch->target.size(2));
  }
}

TEST(TrainingData, TakesPublishedStatisticsWhenAsked) {
  auto const world = Communicator::world();
  auto const folder = source_file("tests/fixtures/climax/shards_mini");
  auto config = parse_config<TrainJobConfig>(
      "data: {path: " + folder + "}\ntrain: {batch: 2, validate: {every_epochs: 0}}\n",
      "test.yaml");
  auto own = opened(config, world);
  own.settle_statistics(nullptr, world);
  config.data.statistics = StatisticsFrom::published;
  auto published = opened(config, world);
  published.settle_statistics(nullptr, world);
  auto const& statistics = published.sets()[0].statistics;
  EXPECT_EQ(
      statistics.channels,
      (std::vector<std::string>{"2m_temperature", "geopotential_500", "total_precipitation"}));
  EXPECT_EQ(statistics.mean, (std::vector<double>{10, 20, 0})) << "of precipitation it is 0";
  EXPECT_EQ(statistics.std, (std::vector<double>{2, 3, 4}));
  EXPECT_EQ(statistics.std_delta, own.sets()[0].statistics.std_delta);
  EXPECT_NE(statistics.mean, own.sets()[0].statistics.mean);
}

}  // namespace
}  // namespace eddyline
