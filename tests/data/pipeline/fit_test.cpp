#include "data/pipeline/fit.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "data/sharding/part_of.hpp"
#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

at::Tensor numbered(int64_t nx, int64_t ny) {
  return at::arange(nx * ny, at::kFloat).view({1, 1, nx, ny});
}

TEST(Fit, LeavesAGridThatFitsAlone) {
  Fit const fit(some_grid(8, 6), {4, 4, 3}, FitMode::exact);
  EXPECT_TRUE(fit.is_identity());
  EXPECT_EQ(fit.grid(), some_grid(8, 6));
  EXPECT_EQ(fit.describe(), "as it is");
}

TEST(Fit, AnAxisOfLengthOneFitsEveryPatch) {
  EXPECT_TRUE(Fit(some_grid(8, 6), {8, 8, 6}, FitMode::exact).is_identity());
}

TEST(Fit, ExactNamesThePatchesAndModesThatFit) {
  auto const text = message_of([] { Fit(some_grid(100, 8), {1, 8, 8}, FitMode::exact); });
  EXPECT_THAT(text, HasSubstr("axis H ('x') has 100 points, not a multiple of patch 8"));
  EXPECT_THAT(text, HasSubstr("1, 2, 4, 5, 10"));
  EXPECT_THAT(text, HasSubstr("data.fit=crop (keeps 96)"));
  EXPECT_THAT(text, HasSubstr("data.fit=pad (makes 104)"));
}

TEST(Fit, CropToNothingIsRefused) {
  EXPECT_THAT(message_of([] {
                Fit(some_grid(6, 8), {1, 8, 8}, FitMode::crop);
              }),
              HasSubstr("data.fit=pad (makes 8)"));
}

TEST(Fit, CropKeepsTheCentre) {
  Fit const fit(some_grid(11, 8), {1, 4, 4}, FitMode::crop);
  EXPECT_EQ(fit.source().first, (std::array<int64_t, 3>{0, 1, 0}));
  EXPECT_EQ(fit.source().size, (std::array<int64_t, 3>{1, 8, 8}));
  auto const values = numbered(11, 8);
  EXPECT_TRUE(fit.apply(values).equal(values.narrow(2, 1, 8)));
  EXPECT_EQ(fit.grid().axis(1).coordinates.front(), 0.5);
  EXPECT_FALSE(fit.grid().axis(1).is_periodic()) << "a piece of a circle is not a circle";
}

TEST(Fit, PadWrapsPeriodicAxesAndRepeatsEdgesElsewhere) {
  Fit const fit(some_grid(6, 5), {1, 8, 4}, FitMode::pad);
  ASSERT_EQ(fit.grid().shape(), (std::array<int64_t, 3>{1, 8, 8}));
  auto const values = numbered(6, 5)[0][0];
  auto const padded = fit.apply(numbered(6, 5))[0][0];
  for (int64_t x = 0; x < 8; ++x) {
    for (int64_t y = 0; y < 8; ++y) {
      auto const from_x = (x - 1 + 6) % 6;                   // one cell added before, one after
      auto const from_y = std::clamp<int64_t>(y - 1, 0, 4);  // one before, two after
      EXPECT_EQ(padded[x][y].item<float>(), values[from_x][from_y].item<float>()) << x << ", " << y;
    }
  }
}

TEST(Fit, UndoGivesTheCellsOfTheFileBack) {
  Fit const fit(some_grid(6, 5), {1, 8, 4}, FitMode::pad);
  auto const values = numbered(6, 5);
  EXPECT_TRUE(fit.undo(fit.apply(values)).equal(values));
  EXPECT_EQ(fit.source_grid(), some_grid(6, 5));
}

TEST(Fit, RenewMakesAddedCellsFromTheOthers) {
  Fit const fit(some_grid(6, 5), {1, 8, 4}, FitMode::pad);
  auto const right = fit.apply(numbered(6, 5));
  EXPECT_TRUE(fit.renew(at::where(fit.mask().gt(0), right, -1)).equal(right));
  auto const values = numbered(6, 5);
  EXPECT_TRUE(Fit(some_grid(6, 5), {1, 3, 5}, FitMode::crop).renew(values).is_same(values));
}

TEST(Fit, MaskIsOneOnTheCellsOfTheFileOnly) {
  Fit const fit(some_grid(6, 5), {1, 8, 4}, FitMode::pad);
  EXPECT_EQ(fit.mask().sum().item<float>(), 30);
  EXPECT_EQ(fit.undo(fit.mask()).sum().item<float>(), 30);
}

/// x divided among the ranks in patches of 4, y among as many as there are patches of 3.
class DividedFit : public testing::Test {
 protected:
  static Fit whole() { return {some_grid(29, 5), {1, 4, 3}, FitMode::pad}; }
  std::shared_ptr<Sharding const> sharding() const {
    auto const ranks = world_.size();
    auto const mesh = std::make_shared<Mesh const>(
        world_, ranks == 4 ? std::array{1, 2, 2} : std::array{1, ranks, 1});
    return std::make_shared<Sharding const>(
        mesh, whole().grid().shape(), std::array<int64_t, 3>{1, 4, 3});
  }
  at::Tensor own(at::Tensor const& values) const {
    return part_of(values, sharding()->block().box);
  }
  Communicator world_ = Communicator::world();
};

TEST_F(DividedFit, HasEachRanksCellsOfTheWholeFit) {
  auto const fit = whole().divided(sharding());
  auto const values = numbered(29, 5);
  EXPECT_TRUE(fit.apply(values).equal(own(whole().apply(values))));
  EXPECT_TRUE(fit.mask().equal(own(whole().mask())));
  auto const& file = fit.source_sharding()->block();
  EXPECT_EQ(file.global, (std::array<int64_t, 3>{1, 29, 5}));
  EXPECT_TRUE(fit.undo(fit.apply(values)).equal(part_of(values, file.box)));
  EXPECT_EQ(world_.all_reduce(file.box.cells()), 29 * 5);
}

TEST_F(DividedFit, ShowsTheMirrorImageOfABlock) {
  auto const fit = whole().divided(sharding());
  auto const values = numbered(29, 5);
  auto const turned = take_cells(values, fit.shown_cells({false, true, true}));
  EXPECT_TRUE(turned.equal(own(whole().apply(values.flip({2, 3})))));
}

TEST_F(DividedFit, RenewsAddedCellsFromTheRanksThatHoldTheirOriginals) {
  auto const fit = whole().divided(sharding());
  auto const right = fit.apply(numbered(29, 5));
  EXPECT_TRUE(fit.renew(at::where(fit.mask().gt(0), right, -1)).equal(right));
  auto const x = right.clone().requires_grad_(true);
  auto const y = whole().apply(numbered(29, 5)).requires_grad_(true);
  (fit.renew(x) * right).sum().backward();
  (whole().renew(y) * y.detach()).sum().backward();
  EXPECT_TRUE(x.grad().equal(own(y.grad()))) << "small whole numbers are exact";
}

TEST(Fit, AddedCellsContinueTheCoordinates) {
  Fit const fit(some_grid(6, 5), {1, 8, 4}, FitMode::pad);
  EXPECT_EQ(fit.grid().axis(1).coordinates.front(), -0.5);
  EXPECT_EQ(fit.grid().axis(2).coordinates.back(), 6);
}

TEST(Fit, SaysAndRecordsWhatItDid) {
  Fit const fit(some_grid(6, 5), {1, 8, 4}, FitMode::pad);
  EXPECT_EQ(fit.describe(), "H 6 → 8 (1 + 1 cells added), W 5 → 8 (1 + 2 cells added)");
  EXPECT_EQ(fit.to_json()["mode"], "pad");
  EXPECT_EQ(fit.to_json()["added_high"], (std::vector<int64_t>{0, 1, 2}));
}

}  // namespace
}  // namespace eddyline
