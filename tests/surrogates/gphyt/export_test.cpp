#include "surrogates/gphyt/export.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/gphyt/import.hpp"
#include "tests/surrogates/published_fixture.hpp"

namespace eddyline {
namespace {

/// Buffers of the file that export and import differ in.
std::vector<std::string> differences(std::string const& name,
                                     GphytImport const& options,
                                     SurrogateSpec spec = {}) {
  auto const checkpoint = published_fixture("gphyt/" + name);
  auto const imported = import_gphyt(checkpoint, options);
  spec = spec.grid.dimensions() > 0 ? spec : imported.spec;
  spec.input_fields = imported.spec.input_fields;
  std::vector<std::string> report;
  auto const made = gphyt_extra_state(*imported.network, spec, report);
  std::map<std::string, at::Tensor> left(made.begin(), made.end());
  std::vector<std::string> unlike = report;
  for (auto const& [key, value] : checkpoint.parameters) {
    if (is_gphyt_buffer(key)) {
      auto const found = left.find(key);
      if (found == left.end() || !at::equal(found->second, value) ||
          found->second.scalar_type() != value.scalar_type()) {
        unlike.push_back(key);
      }
      left.erase(key);
    }
  }
  for (auto const& item : left) {
    unlike.push_back("more: " + item.first);
  }
  return unlike;
}

TEST(GphytExport, MakesTheBuffersOfUpstreamsFilesBitForBit) {
  EXPECT_THAT(differences("paper_abs_linear_euler.pt", {.num_heads = 3}), testing::IsEmpty());
  EXPECT_THAT(differences("convnet_heun_v1.pt", {.num_heads = 3}), testing::IsEmpty());
  EXPECT_THAT(differences("rope_spatial_nullint_head.pt", {.num_heads = 2}), testing::IsEmpty());
}

TEST(GphytExport, MakesTheMasksOfTheGridThatItIsGiven) {
  auto const config = infer_gphyt(published_fixture("gphyt/rope_causal_overlap.pt"), {}).config;
  // The file's masks are of 24 tokens.
  auto const places = 24 / (config.history / config.time_patch);
  Axis x{.name = "x"}, y{.name = "y"};
  for (int64_t i = 0; i < places * config.patch[1]; ++i) {
    x.coordinates.push_back(static_cast<double>(i));
  }
  for (int64_t i = 0; i < config.patch[2]; ++i) {
    y.coordinates.push_back(static_cast<double>(i));
  }
  EXPECT_THAT(differences("rope_causal_overlap.pt", {.num_heads = 4}, {.grid = Grid({x, y})}),
              testing::IsEmpty());
}

TEST(GphytExport, SaysThatMasksOfNoGridAreMissing) {
  EXPECT_THAT(
      differences("rope_causal_overlap.pt", {.num_heads = 4}),
      testing::Contains("missing     attention_blocks.0.attention.mask: the network is of no "
                        "one grid"));
}

}  // namespace
}  // namespace eddyline
