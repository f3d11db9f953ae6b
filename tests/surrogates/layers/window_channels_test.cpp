#include "surrogates/layers/window_channels.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

SurrogateSpec spec() {
  return {.input_fields =
              FieldSet({{.name = "u", .components = {"x", "y"}, .order = 1}, {.name = "p"}}),
          .output_fields = FieldSet({{.name = "p"}}),
          .constant_fields = FieldSet({{.name = "depth"}}),
          .scalars = {"Re", "Ma"}};
}

Batch batch() {
  return {.input = at::arange(2 * 2 * 3 * 4, at::kFloat).view({2, 2, 3, 1, 2, 2}),
          .constants = at::full({2, 1, 1, 2, 2}, -1.0),
          .scalars = at::tensor({10.0, 20.0, 30.0, 40.0}).view({2, 2})};
}

std::string message_of(WindowChannels const& channels, Batch const& batch) {
  try {
    channels.gather(batch);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(WindowChannels, AreTheChannelsOfEveryFrameOldestFirst) {
  WindowChannels const channels({.history = 2}, spec());
  EXPECT_EQ(channels.inputs(), 6);
  EXPECT_EQ(channels.outputs(), 1);
  auto const data = batch();
  auto const image = channels.gather(data);
  ASSERT_EQ(image.sizes().vec(), (std::vector<int64_t>{2, 6, 1, 2, 2}));
  EXPECT_TRUE(at::equal(image[1][2], data.input[1][0][2]));
  EXPECT_TRUE(at::equal(image[1][3], data.input[1][1][0]));
  EXPECT_EQ(image.data_ptr(), data.input.data_ptr()) << "nothing is copied";
}

TEST(WindowChannels, ThenConstantsThenScalarsWhereAsked) {
  WindowChannels const channels(
      {.history = 2, .constants = Extras::fields, .scalars = Extras::fields}, spec());
  EXPECT_EQ(channels.inputs(), 9);
  auto const image = channels.gather(batch());
  EXPECT_TRUE(at::equal(image.narrow(1, 0, 6).flatten(), batch().input.flatten()));
  EXPECT_TRUE(at::equal(image[0][6], at::full({1, 2, 2}, -1.0)));
  EXPECT_TRUE(at::equal(image[0][8], at::full({1, 2, 2}, 20.0)));
  EXPECT_TRUE(at::equal(image[1][7], at::full({1, 2, 2}, 30.0)));
}

TEST(WindowChannels, RefuseABatchOfOtherData) {
  WindowChannels const channels(
      {.history = 2, .constants = Extras::fields, .scalars = Extras::fields}, spec());
  auto data = batch();
  data.input = data.input.narrow(1, 0, 1);
  EXPECT_THAT(message_of(channels, data),
              HasSubstr("the batch has 1 input frames, model.history is 2"));
  data = batch();
  data.input = data.input.narrow(2, 0, 2);
  EXPECT_THAT(message_of(channels, data),
              HasSubstr("the batch has 2 channels, the model was made for 3"));
  data = batch();
  data.constants = at::Tensor();
  EXPECT_THAT(message_of(channels, data),
              HasSubstr("the batch has 0 constant fields, the model was made for 1"));
  data = batch();
  data.scalars = data.scalars.narrow(1, 0, 1);
  EXPECT_THAT(message_of(channels, data),
              HasSubstr("the batch has 1 scalars, the model was made for 2"));
}

}  // namespace
}  // namespace eddyline
