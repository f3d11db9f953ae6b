#include "data/pipeline/statistics_table.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

Statistics made_up() {
  return {.dataset = "memory",
          .channels = {"density", "velocity_x", "velocity_y"},
          .mean = {1.25, 2, 4},
          .std = {0.5, 1, 3},
          .rms = {1.1, 2.2, 5},
          .mean_delta = {0.1, 0, 0.2},
          .std_delta = {0.3, 1, 1},
          .rms_delta = {0.4, 1, 1.1},
          .count = {10, 10, 30},
          .count_delta = {9, 9, 27},
          .constant_channels = {"mask"},
          .constant_mean = {0.75},
          .constant_std = {0.2},
          .constant_rms = {0.8}};
}

TEST(StatisticsTable, HasALineForEachChannel) {
  auto const table = statistics_table(made_up(), some_fields());
  EXPECT_THAT(table, HasSubstr("density                 kg m-3               1.25          0.5"));
  EXPECT_THAT(table, HasSubstr("velocity_y              m s-1"));
  EXPECT_THAT(table, HasSubstr("mask                    (constant)           0.75"));
}

TEST(StatisticsTable, TheWellsOrderIsByField) {
  auto const well = to_well_statistics(made_up(), some_fields(), FieldSet({{.name = "mask"}}));
  EXPECT_EQ(well.mean.at("velocity"), (std::vector<double>{2, 4}));
  EXPECT_EQ(well.std_delta.at("density"), std::vector<double>{0.3});
  EXPECT_EQ(well.rms.at("mask"), std::vector<double>{0.8});
  EXPECT_FALSE(well.mean_delta.contains("mask")) << "what does not change has no changes";
}

TEST(StatisticsTable, RefusesOtherConstantFields) {
  EXPECT_THAT(message_of([] { to_well_statistics(made_up(), some_fields(), {}); }),
              HasSubstr("are of the constant channels mask"));
}

}  // namespace
}  // namespace eddyline
