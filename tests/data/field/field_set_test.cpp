#include "data/field/field_set.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using Names = std::vector<std::string>;

FieldSet active_matter() {
  return FieldSet({{"concentration", {""}, "", 0},
                   {"velocity", {"x", "y"}, "m s-1", 1},
                   {"D", {"xx", "xy", "yx", "yy"}, "", 2}});
}

TEST(FieldSet, NamesOneChannelAComponent) {
  EXPECT_EQ(active_matter().channel_names(),
            (Names{"concentration", "velocity_x", "velocity_y", "D_xx", "D_xy", "D_yx", "D_yy"}));
  EXPECT_EQ(active_matter().channels(), 7);
  EXPECT_EQ(active_matter().first_channel(2), 3);
  EXPECT_EQ(active_matter().channel_units()[2], "m s-1");
  EXPECT_EQ(active_matter().max_components(), 4);
}

TEST(FieldSet, SelectKeepsTheAskedOrder) {
  auto const chosen = active_matter().select({"D", "concentration"});
  EXPECT_EQ(chosen.channel_names(), (Names{"D_xx", "D_xy", "D_yx", "D_yy", "concentration"}));
  EXPECT_EQ(active_matter().channels_of({"velocity", "concentration"}),
            (std::vector<int64_t>{1, 2, 0}));
}

TEST(FieldSet, ProposesTheNearestName) {
  try {
    active_matter().select({"velocty"});
    FAIL() << "an unknown field was accepted";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("there is no field 'velocty'; did you mean 'velocity'?"));
  }
}

TEST(FieldSet, RefusesANameGivenTwice) {
  EXPECT_THROW(FieldSet({{.name = "u"}, {.name = "u"}}), Error);
}

TEST(FieldSet, DescribesItselfInWords) {
  EXPECT_EQ(active_matter().select({"concentration", "velocity"}).describe(),
            "concentration, velocity (x, y) [m s-1]");
  EXPECT_EQ(FieldSet().describe(), "none");
}

TEST(FieldSet, ComponentsAreRowMajorProductsOfTheAxes) {
  EXPECT_EQ(component_names(0, {"x", "y"}), Names{""});
  EXPECT_EQ(component_names(1, {"theta", "phi"}), (Names{"theta", "phi"}));
  EXPECT_EQ(component_names(2, {"x", "y"}), (Names{"xx", "xy", "yx", "yy"}));
}

}  // namespace
}  // namespace eddyline
