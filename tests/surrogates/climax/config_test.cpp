#include "surrogates/climax/config.hpp"

#include <gmock/gmock.h>

#include <numeric>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

SurrogateSpec data(int64_t rows = 32, int64_t columns = 64) {
  auto const axis = [](char const* name, int64_t size) {
    Axis made{.name = name, .coordinates = std::vector<double>(static_cast<size_t>(size))};
    std::iota(made.coordinates.begin(), made.coordinates.end(), 0.0);
    return made;
  };
  return {.input_fields = FieldSet({{.name = "t2m"}, {.name = "wind", .components = {"x", "y"}}}),
          .output_fields = FieldSet({{.name = "t2m"}, {.name = "rain"}}),
          .grid = Grid({axis("latitude", rows), axis("longitude", columns)})};
}

ClimaxConfig read(std::string const& yaml) {
  return checked(parse_config<ClimaxConfig>(yaml, "model"), data());
}

std::string message_of(std::string const& yaml) {
  try {
    read(yaml);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(ClimaxConfig, ItsDefaultsAreThePublishedNetwork) {
  auto const config = read("{}");
  EXPECT_EQ(config.variables.size(), 48U);
  EXPECT_EQ(mlp_width(config), 4096);
  EXPECT_EQ(table_patches(config), (std::array<int64_t, 2>{16, 32}));
}

TEST(ClimaxConfig, TakesGridAndVariablesFromTheDataWhereTheyAreEmpty) {
  auto const config = read("{variables: []}");
  EXPECT_EQ(config.variables, (std::vector<std::string>{"t2m", "wind_x", "wind_y", "rain"}));
  EXPECT_EQ(*config.grid, (std::array<int64_t, 2>{32, 64}));
  EXPECT_EQ(*read("{grid: [16, 32]}").grid, (std::array<int64_t, 2>{16, 32}));
}

TEST(ClimaxConfig, SaysWhichKeyIsWrong) {
  EXPECT_THAT(message_of("{heads: 3}"), HasSubstr("model.heads 3 does not divide model.dim 1024"));
  EXPECT_THAT(message_of("{dim: 6, heads: 3}"),
              HasSubstr("model.dim 6 is not a multiple of 4, as the tables of sines"));
  EXPECT_THAT(message_of("{mlp_ratio: 0}"), HasSubstr("model.mlp_ratio is 0"));
  EXPECT_THAT(message_of("{depth: -1}"), HasSubstr("model.depth is -1"));
  EXPECT_THAT(message_of("{decoder_depth: -1}"), HasSubstr("model.decoder_depth is -1"));
  EXPECT_THAT(message_of("{patch: [2, 2, 2]}"), HasSubstr("model.patch is 2 on axis D"));
  EXPECT_THAT(message_of("{patch: [1, 2, 0]}"), HasSubstr("model.patch is 0"));
  EXPECT_THAT(message_of("{patch: [1, 2, 3]}"),
              HasSubstr("model.grid has 64 cells on axis W, not a multiple of patch 3"));
  EXPECT_THAT(message_of("{dropout: 1}"),
              HasSubstr("model.dropout is 1; it must be at least 0 and below 1"));
  EXPECT_THAT(message_of("{drop_path: -1}"), HasSubstr("model.drop_path is -1"));
  EXPECT_THAT(message_of("{variables: [a, b, a]}"), HasSubstr("model.variables names 'a' twice"));
  EXPECT_THAT(message_of("{time_unit: m}"), HasSubstr("model.time_unit is 'm'"));
  EXPECT_THAT(message_of("{lead_hours: 0}"), HasSubstr("model.lead_hours is 0"));
  EXPECT_THAT(message_of("{varaint: global}"), HasSubstr("variant"));
  EXPECT_EQ(message_of("{}"), "no error");
}

TEST(ClimaxConfig, VariantsHaveTheirOwnKeys) {
  EXPECT_THAT(message_of("{history: 2}"),
              HasSubstr("model.history is 2; ClimaX forecasts from 1 frame"));
  EXPECT_EQ(message_of("{variant: projection, history: 10}"), "no error");
  EXPECT_THAT(message_of("{variant: regional}"), HasSubstr("no region is named"));
  EXPECT_THAT(message_of("{region: Europe}"), HasSubstr("belong to model.variant=regional"));
  EXPECT_THAT(message_of("{variant: regional, box: [40, 30, 0, 10]}"),
              HasSubstr("model.box spans latitudes 40 to 30"));
  EXPECT_EQ(message_of("{variant: regional, region: Europe}"), "no error");
}

TEST(ClimaxConfig, ABoxComesBeforeARegion) {
  auto const config = read("{variant: regional, region: Europe, box: [30, 40, 350, 10]}");
  EXPECT_EQ(region_box(config).west, 350);
  EXPECT_EQ(region_box(read("{variant: regional, region: Europe}")).north, 65);
}

}  // namespace
}  // namespace eddyline
