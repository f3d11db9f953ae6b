// The line of the registry: a published checkpoint is known by its keys and imported with options.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "surrogates/imported_model.hpp"
#include "surrogates/registry.hpp"
#include "tests/surrogates/published_fixture.hpp"

namespace eddyline {
namespace {

TEST(UnetEntry, KnowsItsPublishedCheckpoints) {
  auto const& published = surrogate_entry("unet").published;
  auto const checkpoint = published_fixture("unet/volume3d_t2.pt");
  ASSERT_TRUE(published.fits(checkpoint));
  EXPECT_FALSE(published.fits(published_fixture("morph/scalar2d_ar1.pt")));
  auto const imported = published.import(checkpoint, "{history: 2, padding: grid}");
  EXPECT_EQ(imported.network->history(), 2);
  EXPECT_NE(imported.network->config().find("padding: grid"), std::string::npos);
  EXPECT_NE(published.default_options().find("# "), std::string::npos);
}

}  // namespace
}  // namespace eddyline
