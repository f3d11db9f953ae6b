#include "data/field/json.hpp"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

FieldSet some_fields() {
  return FieldSet({{"density", {""}, "kg m-3", 0},
                   {"velocity", {"x", "y"}, "m s-1", 1},
                   {"D", {"xx", "xy", "yx", "yy"}, "", 2}});
}

Grid some_grid() {
  Axis const latitude{
      .name = "latitude", .coordinates = {50.1, 49.7, 1.0 / 3}, .units = "degrees_north"};
  Axis const longitude{.name = "longitude",
                       .coordinates = {0, 120, 240},
                       .units = "degrees_east",
                       .boundaries = {Boundary::periodic, Boundary::periodic},
                       .edges = {-60, 60, 180, 300}};
  return Grid({latitude, longitude}, Geometry::lat_lon);
}

TEST(Json, FieldsComeBackAsTheyWere) {
  auto const text = to_json(some_fields()).dump();
  EXPECT_EQ(field_set_from_json(nlohmann::json::parse(text)), some_fields());
}

TEST(Json, GridsComeBackWithAllTheirBits) {
  auto const text = to_json(some_grid()).dump();
  EXPECT_EQ(grid_from_json(nlohmann::json::parse(text)), some_grid());
}

TEST(Json, NamesTheKeyThatIsMissing) {
  auto json = to_json(some_grid());
  json["axes"][0].erase("boundaries");
  try {
    grid_from_json(json);
    FAIL() << "a grid without boundaries was accepted";
  } catch (Error const& error) {
    EXPECT_NE(std::string(error.what()).find("boundaries"), std::string::npos) << error.what();
  }
}

TEST(Json, RefusesEdgesThatDoNotFitTheirCells) {
  auto json = to_json(some_grid());
  json["axes"][1]["edges"] = {0.0, 1.0};
  EXPECT_THROW(grid_from_json(json), Error);
}

}  // namespace
}  // namespace eddyline
