#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/gphyt/gphyt.hpp"
#include "surrogates/imported_model.hpp"
#include "tests/surrogates/published_fixture.hpp"

namespace eddyline {
namespace {

TEST(GphytEntry, IsInTheRegistry) {
  EXPECT_EQ(surrogate_entry("gphyt").name, "gphyt");
  EXPECT_THAT(gphyt_entry().default_config(), testing::HasSubstr("forward_semantics: v1"));
}

TEST(GphytEntry, KnowsItsCheckpointsFromThoseOfOthers) {
  auto const fits = gphyt_entry().published.fits;
  for (auto const* name :
       {"paper_abs_linear_euler.pt", "convnet_heun_v1.pt", "rope_causal_overlap.pt"}) {
    EXPECT_TRUE(fits(published_fixture(concat("gphyt/", name)))) << name;
  }
  EXPECT_FALSE(fits(published_fixture("morph/scalar2d_ar1.pt")));
}

TEST(GphytEntry, ImportsWithOptionsInYaml) {
  auto const published = gphyt_entry().published;
  auto const imported =
      published.import(published_fixture("gphyt/rope_spatial_nullint_head.pt"),
                       "{num_heads: 2, history: 2, attention: spatial, integrator: none}");
  EXPECT_EQ(imported.network->name(), "gphyt");
  EXPECT_EQ(imported.network->history(), 2);
  EXPECT_THAT(imported.network->config(), testing::HasSubstr("integrator: none"));
  EXPECT_THAT(published.default_options(), testing::HasSubstr("num_heads:"));
}

}  // namespace
}  // namespace eddyline
