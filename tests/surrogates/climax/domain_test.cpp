#include "surrogates/climax/domain.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

FieldSet fields(std::vector<std::string> const& names) {
  std::vector<Field> made;
  for (auto const& name : names) {
    made.push_back({.name = name});
  }
  return FieldSet(made);
}

/// 8 × 12 cells of 22.5° × 30°.
SurrogateSpec data() {
  Axis latitude{.name = "latitude", .coordinates = {}},
      longitude{.name = "longitude", .coordinates = {}};
  for (int64_t i = 0; i < 8; ++i) {
    latitude.coordinates.push_back(-90 + 22.5 * (static_cast<double>(i) + 0.5));
  }
  for (int64_t i = 0; i < 12; ++i) {
    longitude.coordinates.push_back(30 * static_cast<double>(i));
  }
  return {.input_fields = fields({"z_500", "a"}),
          .output_fields = fields({"a"}),
          .grid = Grid({latitude, longitude}, Geometry::lat_lon)};
}

ClimaxDomain domain(ClimaxConfig config) {
  config.variables = {"a", "b", "geopotential_500"};
  config.dim = 8;
  config.heads = 2;
  return {checked(config, data()), data()};
}

TEST(ClimaxDomain, FindsChannelsByNameAndShortCode) {
  auto const found = domain({});
  EXPECT_EQ(found.inputs(), (std::vector<int64_t>{2, 0}));
  EXPECT_EQ(found.outputs(), (std::vector<int64_t>{0}));
}

TEST(ClimaxDomain, ReadsAndPredictsThePatchesOfARegionAlone) {
  auto const northern =
      domain({.variant = ClimaxVariant::regional, .box = std::array<double, 4>{0, 90, 60, 180}});
  auto const image = at::arange(96, at::kFloat).view({1, 1, 8, 12});
  auto const cells = northern.cut(image, nullptr);  // rows 4 … 7, columns 2 … 5
  ASSERT_EQ(cells.sizes().vec(), (std::vector<int64_t>{4, 1, 5}));
  EXPECT_EQ(cells[0][0][0].item<float>(), 4 * 12 + 2);
  auto const table = at::arange(24, at::kFloat).view({1, 24, 1});
  EXPECT_TRUE(at::equal(northern.positions(table, {8, 12}).flatten(),
                        at::tensor({13, 14, 19, 20}, at::kFloat)));
  auto const joined = northern.join(cells.narrow(2, 0, 4).view({1, 4, 4}), {8, 12}, nullptr);
  EXPECT_TRUE(at::equal(joined[0][0], image[0][0].slice(0, 4, 8).slice(1, 2, 6)));
}

TEST(ClimaxDomain, TellsAProjectionNoLeadTime) {
  Batch const batch{.input = at::zeros({2, 1, 2, 1, 8, 12}), .lead_time = at::full({2}, 50.0F)};
  EXPECT_TRUE(at::equal(domain({}).lead_time(batch), at::full({2}, 0.5F)));
  EXPECT_TRUE(
      at::equal(domain({.variant = ClimaxVariant::projection}).lead_time(batch), at::zeros({2})));
}

TEST(ClimaxDomain, RefusesASecondOutputOfAProjection) {
  auto two = data();
  two.output_fields = fields({"a", "b"});
  ClimaxConfig config{.variant = ClimaxVariant::projection, .variables = {"a", "z_500"}};
  try {
    ClimaxDomain(checked(config, two), two);
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("a projection predicts one map, the data have 2"));
  }
}

}  // namespace
}  // namespace eddyline
