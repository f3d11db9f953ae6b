#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/imported_model.hpp"
#include "surrogates/registry.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

TEST(IFactFormerEntry, TellsItsOwnFilesFromOthers) {
  auto const& entry = surrogate_entry("ifactformer");
  auto const root = source_folder() / "tests/fixtures";
  EXPECT_TRUE(entry.published.fits(read_pytorch(root / "ifactformer/o_chained_t1.pt")));
  EXPECT_FALSE(entry.published.fits(read_pytorch(root / "morph/scalar2d_ar1.pt")));
}

TEST(IFactFormerEntry, ImportsWithTheOptionsItDocuments) {
  auto const& published = surrogate_entry("ifactformer").published;
  auto const checkpoint =
      read_pytorch(source_folder() / "tests/fixtures/ifactformer/m_channel_t1.pt");
  auto const imported = published.import(checkpoint, published.default_options());
  EXPECT_THAT(imported.network->config(), testing::HasSubstr("n_layer: 10"));
  EXPECT_THROW(published.import(checkpoint, "{layers: 3}"), Error);
}

}  // namespace
}  // namespace eddyline
