#include "data/sinks/scene.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

Axis axis(std::string const& name, std::vector<double> coordinates) {
  return {.name = name, .coordinates = std::move(coordinates)};
}

Field vector_of(std::vector<std::string> components) {
  return {.name = "v", .components = std::move(components), .units = "m/s", .order = 1};
}

at::Tensor counted(Grid const& grid, int64_t channels) {
  auto const shape = grid.shape();
  return at::arange(channels * grid.cells(), at::kFloat)
      .view({channels, shape[0], shape[1], shape[2]});
}

TEST(Scene, PlacesXFirstDataWithXFastest) {
  Grid const grid({axis("x", {0, 1}), axis("y", {0, 1, 2}), axis("z", {0, 1, 2, 3})});
  Scene const scene(FieldSet({Field{.name = "u"}}), grid);
  EXPECT_EQ(scene.shape(), (std::array<int64_t, 3>{4, 3, 2}));
  auto const values = counted(grid, 1);
  auto const array = scene.to_scene(values, scene.fields()[0]);
  EXPECT_EQ(array[3][2][1].item<float>(), values[0][1][2][3].item<float>());
  EXPECT_TRUE(array.is_contiguous());
}

TEST(Scene, LeavesYFirstDataAsTheyAre) {
  Grid const grid({axis("y", {0, 1, 2}), axis("x", {0, 1})});
  Scene const scene(FieldSet({Field{.name = "u"}}), grid);
  EXPECT_EQ(scene.shape(), (std::array<int64_t, 3>{1, 3, 2}));
  EXPECT_TRUE(at::equal(scene.to_scene(counted(grid, 1), scene.fields()[0]), counted(grid, 1)[0]));
}

TEST(Scene, TurnsDescendingLatitudesAround) {
  Grid const grid({axis("latitude", {60, 30, 0}), axis("longitude", {0, 10})}, Geometry::lat_lon);
  Scene const scene(FieldSet({Field{.name = "t"}}), grid);
  EXPECT_EQ(scene.coordinates(1), (std::vector<double>{0, 30, 60}));
  auto const values = counted(grid, 1);
  auto const array = scene.to_scene(values, scene.fields()[0]);
  EXPECT_EQ(array[0][0][1].item<float>(), values[0][0][2][1].item<float>());
}

TEST(Scene, JoinsComponentsNamedAfterAxesToAVector) {
  Grid const grid({axis("x", {0, 1}), axis("y", {0, 1, 2})});
  FieldSet const fields({Field{.name = "p"}, vector_of({"x", "y"})});
  Scene const scene(fields, grid);
  ASSERT_EQ(scene.fields().size(), 2);
  EXPECT_EQ(scene.fields()[1].channels, (std::vector<int64_t>{1, 2, -1}));
  auto const array = scene.to_scene(counted(grid, 3), scene.fields()[1]);
  ASSERT_EQ(array.sizes().vec(), (std::vector<int64_t>{1, 3, 2, 3}));
  EXPECT_EQ(array[0][2][1][1].item<float>(), counted(grid, 3)[2][0][1][2].item<float>());
  EXPECT_EQ(array.select(3, 2).abs().max().item<float>(), 0);
}

TEST(Scene, KeepsOtherComponentsApart) {
  Grid const grid({axis("x", {0, 1}), axis("y", {0, 1, 2})});
  Scene const scene(FieldSet({vector_of({"re", "im"})}), grid);
  ASSERT_EQ(scene.fields().size(), 2);
  EXPECT_EQ(scene.fields()[1].name, "v_im");
  EXPECT_EQ(scene.fields()[1].units, "m/s");
}

TEST(Scene, GivesBackEveryBoxBitForBit) {
  Grid const grid({axis("z", {3, 2, 1, 0}), axis("latitude", {60, 30, 0}), axis("x", {0, 1, 5})});
  FieldSet const fields({vector_of({"z", "latitude", "x"}), Field{.name = "p"}});
  Scene const scene(fields, grid);
  auto const values = counted(grid, 4);
  Box const box{{1, 0, 1}, {2, 2, 2}};
  auto const part = scene.box_in_scene(box);
  auto out = at::full({4, 2, 2, 2}, -1.0f);
  for (auto const& field : scene.fields()) {
    auto const array = scene.to_scene(values, field);
    scene.from_scene(array.slice(0, part.first[0], part.first[0] + part.size[0])
                         .slice(1, part.first[1], part.first[1] + part.size[1])
                         .slice(2, part.first[2], part.first[2] + part.size[2]),
                     field,
                     out);
  }
  EXPECT_TRUE(at::equal(out, values.slice(1, 1, 3).slice(2, 0, 2).slice(3, 1, 3)));
}

TEST(Scene, KeepsFloat64AndTakesHalvesForFloat32) {
  Grid const grid({axis("x", {0, 1})});
  Scene const scene(FieldSet({Field{.name = "u"}}), grid);
  auto const values = counted(grid, 1) / 3;
  auto const type_of = [&](at::ScalarType type) {
    return scene.to_scene(values.to(type), scene.fields()[0]).scalar_type();
  };
  EXPECT_EQ(type_of(at::kDouble), at::kDouble);
  EXPECT_EQ(type_of(at::kFloat), at::kFloat);
  EXPECT_EQ(type_of(at::kBFloat16), at::kFloat);
}

TEST(Scene, KnowsAUniformGridFromAStretchedOne) {
  FieldSet const fields({Field{.name = "u"}});
  Scene const uniform(fields, Grid({axis("x", {2, 1, 0})}));
  EXPECT_TRUE(uniform.is_uniform());
  EXPECT_EQ(uniform.origin(), (std::array<double, 3>{0, 0, 0}));
  EXPECT_EQ(uniform.spacing(), (std::array<double, 3>{1, 1, 1}));
  EXPECT_FALSE(Scene(fields, Grid({axis("x", {0, 1, 3})})).is_uniform());
}

}  // namespace
}  // namespace eddyline
