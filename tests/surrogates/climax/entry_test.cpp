#include <gtest/gtest.h>

#include "surrogates/climax/climax.hpp"
#include "surrogates/imported_model.hpp"
#include "tests/surrogates/published_fixture.hpp"

namespace eddyline {
namespace {

TEST(ClimaxEntry, IsInTheRegistry) {
  EXPECT_EQ(surrogate_entry("climax").name, "climax");
}

TEST(ClimaxEntry, KnowsItsCheckpointsByTheirKeys) {
  auto const& published = climax_entry().published;
  EXPECT_TRUE(published.fits(published_fixture("climax/global_subset_vars.pt")));
  EXPECT_TRUE(published.fits(published_fixture("climax/projection_history4.pt")));
  EXPECT_FALSE(published.fits(published_fixture("morph/scalar2d_ar1.pt")));
}

TEST(ClimaxEntry, ImportsWithOptionsGivenAsText) {
  auto const imported =
      climax_entry().published.import(published_fixture("climax/global_subset_vars.pt"),
                                      "{heads: 4, inputs: [variable3], dropout: 0}");
  EXPECT_EQ(imported.spec.input_fields.channels(), 1);
  EXPECT_EQ(imported.network->name(), "climax");
}

TEST(ClimaxEntry, ItsOptionsAreExplained) {
  EXPECT_NE(climax_entry().published.default_options().find("# "), std::string::npos);
}

}  // namespace
}  // namespace eddyline
