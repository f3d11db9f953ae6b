#include "data/pipeline/mirror.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

TEST(Mirror, ReversesCellsAndTurnsTheComponentsAlongTheAxis) {
  auto const grid = some_grid();
  auto const values = coded_series(1, 2);  // density, velocity x and y on (x, y)
  auto const along_x = mirrored(values, some_fields(), grid, {false, true, false});
  EXPECT_TRUE(at::equal(along_x.select(1, 0), values.select(1, 0).flip({2})));
  EXPECT_TRUE(at::equal(along_x.select(1, 1), -values.select(1, 1).flip({2})));
  EXPECT_TRUE(at::equal(along_x.select(1, 2), values.select(1, 2).flip({2})));
  EXPECT_TRUE(at::equal(mirrored(along_x, some_fields(), grid, {false, true, false}), values));
}

TEST(Mirror, TurnsTensorComponentsThatPointAlongTheAxisOnce) {
  FieldSet const tensor({{.name = "D", .components = {"xx", "xy", "yx", "yy"}, .order = 2}});
  auto const ones = at::ones({4, 1, 8, 6});
  auto const along_y = mirrored(ones, tensor, some_grid(), {false, false, true});
  EXPECT_TRUE(at::equal(along_y.flatten(1).select(1, 0), at::tensor({1.0F, -1.0F, -1.0F, 1.0F})));
  auto const both = mirrored(ones, tensor, some_grid(), {false, true, true});
  EXPECT_TRUE(at::equal(both, ones));
}

TEST(Mirror, DrawsHalfOfTheSamplesByTheirNumbersAlone) {
  Mirror const mirror({"y"}, some_grid());
  std::vector<int64_t> samples(1000);
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<int64_t>(i);
  }
  auto const flips = mirror.draw(samples, 3, 5);
  int64_t count = 0;
  for (auto const& flip : flips) {
    EXPECT_FALSE(flip[0] || flip[1]) << "not asked for";
    count += flip[2] ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(count), 500, 80) << "five standard deviations";
  EXPECT_EQ(mirror.draw({17, 400}, 3, 5), (std::vector<Flips>{flips[17], flips[400]}));
  EXPECT_NE(mirror.draw(samples, 3, 6), flips) << "another epoch";
  EXPECT_TRUE(Mirror().draw({1}, 3, 5)[0] == Flips{});
}

TEST(Mirror, TellsWhichAxisIsNotItsOwnMirrorImage) {
  auto const refusal = [](Grid const& grid, std::string const& axis) {
    return message_of([&] { Mirror({axis}, grid); });
  };
  EXPECT_THAT(refusal(some_grid(), "z"), HasSubstr("the axis 'z', which the grid does not have"));
  auto axes = some_grid().axes();
  axes[2].boundaries[1] = Boundary::open;
  EXPECT_THAT(refusal(Grid({axes[1], axes[2]}), "y"), HasSubstr("not its own mirror image"));
  axes[1].coordinates[3] += 0.2;
  EXPECT_THAT(refusal(Grid({axes[1], axes[2]}), "x"), HasSubstr("not its own mirror image"));
}

}  // namespace
}  // namespace eddyline
