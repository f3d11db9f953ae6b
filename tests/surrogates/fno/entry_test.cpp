// The lines of the registry: one network, stacked or implicit.
#include <gtest/gtest.h>

#include "surrogates/registry.hpp"

namespace eddyline {
namespace {

SurrogateSpec spec() {
  Axis const axis{.name = "x", .coordinates = {0, 1, 2, 3, 4, 5, 6, 7}};
  FieldSet const fields({{.name = "u"}});
  return {.input_fields = fields, .output_fields = fields, .grid = Grid({axis})};
}

TEST(FnoEntry, StackedHasALayerForEachStepImplicitOneForAll) {
  std::string const yaml = "{modes: [1, 1, 2], layers: 3, width: 4}";
  auto const stacked = surrogate_entry("fno").make(yaml, spec(), 1);
  auto const implicit = surrogate_entry("ifno").make(yaml, spec(), 1);
  EXPECT_TRUE(stacked->named_parameters().contains("layers.2.spectral.weight"));
  EXPECT_TRUE(implicit->named_parameters().contains("layers.0.spectral.weight"));
  EXPECT_FALSE(implicit->named_parameters().contains("layers.1.spectral.weight"));
}

TEST(FnoEntry, ANetworkHasTheNameOfItsLine) {
  for (auto const* const name : {"fno", "ifno"}) {
    EXPECT_EQ(surrogate_entry(name).make("{modes: [1, 1, 2]}", spec(), 1)->name(), name);
  }
}

}  // namespace
}  // namespace eddyline
