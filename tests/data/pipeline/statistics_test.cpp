#include "data/pipeline/statistics.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

Statistics made_up() {
  return {.dataset = "memory",
          .channels = {"density", "velocity_x", "velocity_y"},
          .mean = {1, 2, 4},
          .std = {0.5, 1, 3},
          .rms = {1.1, 2.2, 5},
          .mean_delta = {0.1, 0, 0.2},
          .std_delta = {1.0 / 3, 1, 1},
          .rms_delta = {0.4, 1, 1.1},
          .count = {10, 10, 30},
          .count_delta = {9, 9, 27},
          .delta_frames = 3};
}

TEST(Statistics, ComeBackFromJsonWithAllTheirBits) {
  auto const statistics = made_up();
  auto const back = Statistics::from_json(nlohmann::json::parse(statistics.to_json().dump()));
  EXPECT_EQ(back.dataset, statistics.dataset);
  EXPECT_EQ(back.channels, statistics.channels);
  EXPECT_EQ(back.std_delta, statistics.std_delta);
  EXPECT_EQ(back.count, statistics.count);
  EXPECT_EQ(back.delta_frames, 3);
}

TEST(Statistics, NameTheKeyThatIsMissingOrOfAnotherLength) {
  auto json = made_up().to_json();
  json["memory"]["std"].push_back(1.0);
  EXPECT_THAT(message_of([&] { Statistics::from_json(json); }),
              HasSubstr("'std' of the statistics has 4 entries for 3 channels"));
  json["memory"].erase("std");
  EXPECT_THAT(message_of([&] { Statistics::from_json(json); }), HasSubstr("std"));
}

TEST(Statistics, AreFoundByTheirDataSetAmongSeveral) {
  auto other = made_up();
  other.dataset = "ocean";
  other.mean[0] = 7;
  auto json = made_up().to_json();
  json.update(other.to_json());
  EXPECT_EQ(Statistics::from_json(json, "ocean").mean[0], 7);
  EXPECT_EQ(Statistics::from_json(json, "memory").mean[0], 1);
  EXPECT_THAT(message_of([&] { Statistics::from_json(json, "ocaen"); }),
              HasSubstr("there are no statistics of data set 'ocaen'; did you mean 'ocean'"));
  EXPECT_EQ(Statistics::from_json(other.to_json(), "a renamed file").dataset, "ocean");
}

TEST(Statistics, SelectTakesChannelsInTheAskedOrder) {
  auto const chosen = made_up().select({"velocity_y", "density"});
  EXPECT_EQ(chosen.mean, (std::vector<double>{4, 1}));
  EXPECT_EQ(chosen.count_delta, (std::vector<double>{27, 9}));
  EXPECT_THAT(message_of([] { made_up().select({"velocity_z"}); }),
              HasSubstr("no channel 'velocity_z'"));
}

TEST(Statistics, PoolingIsThatOfAllComponentsTogether) {
  auto const pooled = made_up().pooled(some_fields());
  // velocity: 10 values of mean 2, variance 1 and 30 of mean 4, variance 9
  auto const mean = (10 * 2 + 30 * 4) / 40.0;
  auto const variance =
      (10 * (1 + (2 - mean) * (2 - mean)) + 30 * (9 + (4 - mean) * (4 - mean))) / 40;
  EXPECT_EQ(pooled.mean[0], 1) << "a scalar stays as it is";
  EXPECT_DOUBLE_EQ(pooled.mean[1], mean);
  EXPECT_DOUBLE_EQ(pooled.std[1], std::sqrt(variance));
  EXPECT_EQ(pooled.std[2], pooled.std[1]);
}

}  // namespace
}  // namespace eddyline
