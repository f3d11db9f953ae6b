#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/imported_model.hpp"
#include "surrogates/registry.hpp"
#include "tests/surrogates/published_fixture.hpp"

namespace eddyline {
namespace {

TEST(IFactFormerEntry, TellsItsOwnFilesFromOthers) {
  auto const& entry = surrogate_entry("ifactformer");
  EXPECT_TRUE(entry.published.fits(published_fixture("ifactformer/o_chained_t1.pt")));
  EXPECT_FALSE(entry.published.fits(published_fixture("morph/scalar2d_ar1.pt")));
}

TEST(IFactFormerEntry, ImportsWithTheOptionsItDocuments) {
  auto const& published = surrogate_entry("ifactformer").published;
  auto const checkpoint = published_fixture("ifactformer/m_channel_t1.pt");
  auto const imported = published.import(checkpoint, published.default_options());
  EXPECT_THAT(imported.network->config(), testing::HasSubstr("n_layer: 10"));
  EXPECT_THROW(published.import(checkpoint, "{layers: 3}"), Error);
}

}  // namespace
}  // namespace eddyline
