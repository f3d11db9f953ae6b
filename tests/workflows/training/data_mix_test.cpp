#include "workflows/training/data_mix.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

TrainDataConfig parsed(std::string const& yaml) {
  return parse_config<TrainDataConfig>(yaml, "test.yaml");
}

TEST(DataMix, WithoutAMixIsTheDataItself) {
  auto const parts = data_parts(parsed("{path: a.h5, stride: 2}"));
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].name, "");
  EXPECT_EQ(parts[0].config.path, "a.h5");
  EXPECT_EQ(parts[0].config.stride, 2);
}

TEST(DataMix, TakesFromDataWhatASetDoesNotSay) {
  auto const parts = data_parts(
      parsed("{history: 2, normalisation: window, stride: 3, mix: {a: {path: x, weight: 0.5}, "
             "b: {path: y, stride: 1, strides: [1, 2], fields: [p]}}}"));
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].name, "a");
  EXPECT_EQ(parts[0].weight, 0.5);
  EXPECT_EQ(parts[0].config.stride, 3);
  EXPECT_EQ(parts[0].config.history, 2);
  EXPECT_EQ(parts[1].weight, 1);
  EXPECT_EQ(parts[1].config.path, "y");
  EXPECT_EQ(parts[1].config.normalisation, Normalisation::window);
  EXPECT_EQ(parts[1].config.strides, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(parts[1].config.fields, (std::vector<std::string>{"p"}));
}

TEST(DataMix, SurvivesItsOwnYamlAndTakesOverrides) {
  auto config = parsed("{mix: {a: {path: x, weight: 2, splits: {by: frames}}, b: {path: y}}}");
  auto const again = data_parts(parsed(print_config(config)));
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again[0].weight, 2);
  EXPECT_EQ(again[0].config.splits.by, SplitBy::frames);
  EXPECT_EQ(again[1].config.path, "y");
  apply_overrides(config, {"mix.a.weight=3", "mix.c.path=z"});
  auto const parts = data_parts(config);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].weight, 3);
  EXPECT_EQ(parts[0].config.path, "x");
  EXPECT_EQ(parts[0].config.splits.by, SplitBy::frames);
}

std::string refusal(std::string const& yaml) {
  return message_of([&] { data_parts(parsed(yaml)); });
}

TEST(DataMix, TellsWhatIsWrongWithWhichSet) {
  EXPECT_THAT(refusal("{mix: {a: {path: x, weigth: 2}}}"), HasSubstr("data.mix.a"));
  EXPECT_THAT(refusal("{mix: {a: {path: x, weight: 0}}}"),
              HasSubstr("data.mix.a.weight is 0; allowed: > 0"));
  EXPECT_THAT(refusal("{mix: {a: {path: x, weight: two}}}"), HasSubstr("data.mix.a.weight"));
  EXPECT_THAT(refusal("{mix: {a: {weight: 2}}}"), HasSubstr("data.mix.a has no path"));
  EXPECT_THAT(refusal("{mix: {a: file.h5}}"), HasSubstr("data.mix.a is no data set"));
  EXPECT_THAT(refusal("{mix: {a: {path: x, history: 3}}}"),
              HasSubstr("all sets of a mix have those of the network: 1 and 1"));
  EXPECT_THAT(refusal("{path: y, mix: {a: {path: x}}}"),
              HasSubstr("data.path is 'y', but data.mix names the data sets"));
}

}  // namespace
}  // namespace eddyline
