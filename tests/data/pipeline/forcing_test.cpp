#include "data/pipeline/forcing.hpp"

#include <gtest/gtest.h>

#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

TEST(DatasetForcing, GivesEachSampleItsOwnTimes) {
  auto config = plain_config();
  config.time_features = {"hour_of_day"};
  auto reader = coded_reader({8, 8});
  Dataset data(std::move(reader), config, Split::all, {}, kAnyPatch);
  DatasetForcing forcing(data, {{0, 0}, {1, 3}});
  auto const known = forcing.known({0.0, 2.0});
  ASSERT_EQ(known.sizes().vec(), (std::vector<int64_t>{2, 2, 2, 1, 8, 6}));
  EXPECT_TRUE(at::equal(known[0], data.known_at(0, {0.0, 2.0})));
  EXPECT_TRUE(at::equal(known[1], data.known_at(1, {6.0, 8.0})));  // frame 3 is at 6 h
}

TEST(DatasetForcing, StacksConstants) {
  auto reader = coded_reader({4, 4});
  reader->set_constants(FieldSet(std::vector<Field>{{.name = "height"}}),
                        at::full({1, 1, 8, 6}, 3.0f));
  Dataset data(std::move(reader), plain_config(), Split::all, {}, kAnyPatch);
  DatasetForcing forcing(data, {{0, 0}, {1, 0}});
  EXPECT_EQ(forcing.constants().sizes().vec(), (std::vector<int64_t>{2, 1, 1, 8, 6}));
}

TEST(DatasetForcing, HasNothingWhereTheDataHaveNothing) {
  Dataset data(coded_reader({4}), plain_config(), Split::all, {}, kAnyPatch);
  DatasetForcing forcing(data, {{0, 0}});
  EXPECT_FALSE(forcing.known({0.0}).defined());
  EXPECT_FALSE(forcing.constants().defined());
}

}  // namespace
}  // namespace eddyline
