#include "surrogates/morph/embedding.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

TEST(PatchGrid, HasPatchOneOnMissingAxesAndNamesWhatFits) {
  auto const grid = patch_grid({1, 32, 48}, {8, 8, 8});
  EXPECT_EQ(grid.patch, (std::array<int64_t, 3>{1, 8, 8}));
  EXPECT_EQ(grid.patches(), 24);
  try {
    patch_grid({1, 33, 48}, {8, 8, 8});
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("axis H has 33 points, not a multiple of patch 8; set "
                                   "model.patch there to one of 1, 3, 11"));
  }
}

TEST(ConvFeatures, ComposedAndSeparateFirstLayersAgree) {
  ConvFeatures const features(3, 16);
  at::manual_seed(1);
  {
    at::NoGradGuard const no_grad;
    for (auto const& parameter : features.parameters()) {
      parameter.copy_(at::randn(parameter.sizes()) * 0.2);
    }
  }
  for (auto const& shape :
       {std::vector<int64_t>{2, 2, 4, 6, 5}, {2, 3, 1, 6, 5}, {2, 1, 1, 1, 9}}) {
    auto const images = at::randn(shape);
    auto const separate = features.forward(images).detach();
    at::NoGradGuard const no_grad;
    EXPECT_TRUE(at::allclose(features.forward(images), separate, 1e-5, 1e-5)) << shape.size();
    EXPECT_EQ(separate.size(1), 16);
  }
}

TEST(FieldAttention, DoesNotKnowTheOrderOfFields) {
  FieldAttention const attention(16, 4);
  at::manual_seed(1);
  at::NoGradGuard const no_grad;
  for (auto const& parameter : attention.parameters()) {
    parameter.copy_(at::randn(parameter.sizes()) * 0.2);
  }
  auto const tokens = at::randn({2, 1, 3, 5, 16});
  EXPECT_TRUE(at::allclose(
      attention.forward(tokens, {}), attention.forward(tokens.flip({2}), {}), 1e-5, 1e-5));
}

TEST(PositionTable, GivesItsRowsWhereTheCountsAgree) {
  MorphConfig config{.dim = 8, .max_ar = 3, .max_patches = 6};
  PositionTable const slice(config);
  at::NoGradGuard const no_grad;
  slice.pos_embedding.copy_(at::randn({1, 3, 6, 8}));
  EXPECT_TRUE(at::equal(slice.forward(2, 6), slice.pos_embedding.narrow(1, 0, 2)));
  config.positions = PositionMode::bilinear;
  PositionTable const bilinear(config);
  bilinear.pos_embedding.copy_(slice.pos_embedding);
  EXPECT_TRUE(at::allclose(bilinear.forward(3, 6), slice.pos_embedding));
  // t = 1 of 3 rows: a weighted mean of all, where slice takes the first
  EXPECT_FALSE(at::allclose(bilinear.forward(1, 6), slice.forward(1, 6)));
}

}  // namespace
}  // namespace eddyline
