#include "surrogates/morph/field_map.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

FieldSet fields() {
  return FieldSet(
      {{.name = "rho"}, {.name = "u", .components = {"x", "y"}, .order = 1}, {.name = "p"}});
}

/// Channel c holds the number c + 1.
Batch numbered(int64_t channels) {
  Batch batch;
  batch.input = at::arange(1, channels + 1, at::kFloat)
                    .view({1, 1, channels, 1, 1, 1})
                    .expand({2, 1, channels, 1, 2, 2});
  return batch;
}

TEST(FieldMap, RepeatsScalarsBesideVectors) {
  FieldMap const map({}, {.input_fields = fields(), .output_fields = fields()});
  EXPECT_EQ(map.fields(), 3);
  EXPECT_EQ(map.components(), 2);
  auto const volume = map.gather(numbered(4));
  ASSERT_EQ(volume.sizes().vec(), (std::vector<int64_t>{2, 1, 3, 2, 1, 2, 2}));
  auto const values = volume[0][0].flatten(2).select(2, 0);  // (F, C)
  EXPECT_TRUE(at::equal(values, at::tensor({1, 1, 2, 3, 4, 4}, at::kFloat).view({3, 2})));
}

TEST(FieldMap, TakesTheMeanOrTheFirstOfTheCopies) {
  auto const prediction = at::tensor({1, 3, 2, 5, 4, 8}, at::kFloat).view({1, 3, 2, 1, 1, 1});
  MorphConfig config;
  SurrogateSpec const spec{.input_fields = fields(), .output_fields = fields()};
  EXPECT_TRUE(at::equal(FieldMap(config, spec).scatter(prediction).flatten(),
                        at::tensor({2, 2, 5, 6}, at::kFloat)));
  config.copies = Copies::first;
  EXPECT_TRUE(at::equal(FieldMap(config, spec).scatter(prediction).flatten(),
                        at::tensor({1, 2, 5, 4}, at::kFloat)));
}

TEST(FieldMap, SplitMakesEveryChannelAField) {
  MorphConfig config{.max_fields = 4, .layout = FieldLayout::split};
  FieldMap const map(config, {.input_fields = fields(), .output_fields = fields()});
  EXPECT_EQ(map.fields(), 4);
  EXPECT_EQ(map.components(), 1);
  EXPECT_TRUE(at::equal(map.scatter(map.gather(numbered(4)).select(1, 0)), numbered(4).input));
}

TEST(FieldMap, JoinedMakesEveryChannelAComponentOfOneField) {
  MorphConfig config{.max_components = 4, .layout = FieldLayout::joined};
  FieldMap const map(config, {.input_fields = fields(), .output_fields = fields()});
  EXPECT_EQ(map.fields(), 1);
  EXPECT_EQ(map.components(), 4);
  EXPECT_TRUE(at::equal(map.scatter(map.gather(numbered(4)).select(1, 0)), numbered(4).input));
}

TEST(FieldMap, JoinedPutsOutputsThatAreNoInputsIntoASecondField) {
  MorphConfig config{.max_components = 4, .layout = FieldLayout::joined};
  FieldSet const outputs({{.name = "heat"}, {.name = "p"}});
  FieldMap const map(config, {.input_fields = fields(), .output_fields = outputs});
  EXPECT_EQ(map.decoded_fields(), 2);
  auto const prediction = at::arange(8, at::kFloat).view({1, 2, 4, 1, 1, 1});
  EXPECT_TRUE(at::equal(map.scatter(prediction).flatten(), at::tensor({4, 3}, at::kFloat)));
}

TEST(FieldMap, JoinedSaysHowManyComponentsItNeeds) {
  try {
    FieldMap({.layout = FieldLayout::joined},
             {.input_fields = fields(), .output_fields = fields()});
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("has 4 components when all are joined"));
    EXPECT_THAT(error.what(), testing::HasSubstr("set model.max_components=4"));
  }
}

TEST(FieldMap, AppendsConstantsAndScalarsWhenAsked) {
  MorphConfig config{.max_fields = 5, .constants = Extras::fields, .scalars = Extras::fields};
  FieldMap const map(config,
                     {.input_fields = fields(),
                      .output_fields = fields().select({"p"}),
                      .constant_fields = FieldSet({{.name = "height"}}),
                      .scalars = {"Re"}});
  EXPECT_EQ(map.fields(), 5);
  EXPECT_EQ(map.decoded_fields(), 5);
  auto batch = numbered(4);
  EXPECT_THROW(map.gather(batch), Error);
  batch.constants = at::full({2, 1, 1, 2, 2}, 7.0F);
  batch.scalars = at::full({2, 1}, 9.0F);
  auto const volume = map.gather(batch);
  EXPECT_EQ(volume[1][0][3][1][0][1][1].item<float>(), 7);
  EXPECT_EQ(volume[1][0][4][0][0][1][1].item<float>(), 9);
}

TEST(FieldMap, SaysWhatTheModelCannotTake) {
  auto const message_of =
      [](MorphConfig const& config, FieldSet const& input, FieldSet const& output) -> std::string {
    try {
      FieldMap(config, {.input_fields = input, .output_fields = output});
    } catch (Error const& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message_of({.max_fields = 2}, fields(), fields()),
              testing::HasSubstr("the data have 3 fields"));
  EXPECT_THAT(message_of({.max_fields = 2}, fields(), fields()),
              testing::HasSubstr("set model.max_fields=3"));
  EXPECT_THAT(message_of({.max_components = 1}, fields(), fields()),
              testing::HasSubstr("set model.max_components=2 or model.layout=split"));
}

}  // namespace
}  // namespace eddyline
