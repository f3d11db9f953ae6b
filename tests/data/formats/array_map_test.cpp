#include "data/formats/array_map.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

std::string refusal(std::string const& yaml) {
  return message_of<Error>([&] { parse_array_map(yaml, "data.map"); });
}

TEST(ParseArrayMap, SaysWhatIsWrong) {
  auto const has = [](std::string const& text, std::string const& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  has(refusal(""), "own arrays need data.map");
  has(refusal("axes: [time, x]"), "data.map has no fields");
  has(refusal("axes: [time]\nfields: [{name: u, data: u}]"),
      "names 0 axes of space; 1 to 3 are allowed");
  has(refusal("axes: [time, x, x]\nfields: [{name: u, data: u}]"), "names an axis twice");
  has(refusal("axes: [sample, x]\nfields: [{name: u, data: u}]"),
      "have no time; add it, or say file_holds: frame");
  has(refusal("axes: [time, x]\nfields: [{name: u}]"), "field 'u' of data.map names no array");
  has(refusal("axes: [time, x]\nfields: [{name: u, data: u, scale: 0}]"), "scale not 0");
  has(refusal("axes: [time, x]\nfields: [{name: u, data: u, axes: [time, y]}]"),
      "name the space y, the map x");
  has(refusal("axes: [time, x]\nfields: [{name: u, data: u}]\ncoordinates: {y: {start: 1}}"),
      "name axis 'y'");
  has(refusal(
          "axes: [time, x]\nfields: [{name: u, data: u}]\ncoordinates: {x: {step: 1, stop: 2}}"),
      "step and stop");
  has(refusal("axes: [time, x]\nfields: [{name: u, data: u}]\ntime: {step: -1}"),
      "time.step of data.map is -1");
  has(refusal("axes: [time, x]\nfields: [{name: u, dat: u}]"), "data");
  has(refusal("axes: [time, x]\nfields: [{name: u, data: u}]\nsplits: {trian: [0, 1]}"),
      "splits of data.map names 'trian'; did you mean 'train'");
}

TEST(AxesOf, DropsWhatAnEntryLacks) {
  auto const map =
      parse_array_map("axes: [sample, time, y, x, component]\nfields: [{name: u, data: u}]", "map");
  auto const scalar = axes_of(map, map.fields[0], Varies::yes, 4);
  EXPECT_EQ(scalar.names, (std::vector<std::string>{"sample", "time", "y", "x"}));
  EXPECT_EQ(axes_of(map, map.fields[0], Varies::no, 3).sample, 0);
  EXPECT_EQ(axes_of(map, map.fields[0], Varies::no, 2).sample, -1);
  auto const message = message_of<Error>([&] { axes_of(map, map.fields[0], Varies::yes, 6); });
  EXPECT_NE(message.find("it has 6 dimensions, data.map gives it 4: sample, time, y, x"),
            std::string::npos)
      << message;
}

TEST(FieldsOf, MakesVectorsTensorsAndScalars) {
  auto const map =
      parse_array_map("axes: [time, x, y, component]\nfields: [{name: u, data: u}]", "map");
  EXPECT_EQ(fields_of(map, {.name = "v", .components = {"x", "y"}})[0].order, 1);
  EXPECT_EQ(fields_of(map, {.name = "D", .components = {"xx", "xy", "yx", "yy"}})[0].order, 2);
  auto const scalars = fields_of(map, {.name = "c", .components = {"a", "b"}});
  ASSERT_EQ(scalars.size(), 2U);
  EXPECT_EQ(scalars[1].name, "c_b");
}

TEST(MakeAxis, TakesCentresEdgesOrSteps) {
  EXPECT_EQ(make_axis("x", {}, 3, {}).coordinates, (std::vector<double>{0, 1, 2}));
  EXPECT_EQ(make_axis("x", {.start = 1, .stop = 2}, 3, {}).coordinates,
            (std::vector<double>{1, 1.5, 2}));
  auto const edges = make_axis("x", {}, 2, {0, 1, 3});
  EXPECT_EQ(edges.coordinates, (std::vector<double>{0.5, 2}));
  EXPECT_EQ(edges.edges, (std::vector<double>{0, 1, 3}));
  EXPECT_TRUE(make_axis("x", {.boundaries = {"periodic"}}, 3, {}).is_periodic());
  auto const message = message_of<Error>([] { make_axis("x", {.data = "/x"}, 2, {1, 2, 3, 4}); });
  EXPECT_NE(message.find("coordinates of axis 'x' (/x) have 4 values; the axis has 2 cells"),
            std::string::npos)
      << message;
}

}  // namespace
}  // namespace eddyline
