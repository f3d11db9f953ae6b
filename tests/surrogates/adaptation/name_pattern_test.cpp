#include "surrogates/adaptation/name_pattern.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

TEST(NamePattern, FitsAParameterOrTheModuleThatHoldsIt) {
  std::string const name = "blocks.0.mlp.fc1.weight";
  for (auto const* pattern : {"blocks.0.mlp.fc1.weight",
                              "blocks.*.mlp",
                              "blocks.[0-3]",
                              "blocks",
                              "*.fc?",
                              "*.weight",
                              "*"}) {
    EXPECT_TRUE(fits(pattern, name)) << pattern;
  }
  for (auto const* pattern : {"block", "mlp", "blocks.1", "*.fc1.bias", "fc1.weight", ""}) {
    EXPECT_FALSE(fits(pattern, name)) << pattern;
  }
}

TEST(NamePattern, KeepsTheOrderOfTheNames) {
  EXPECT_EQ(names_that_fit("*.b", {"z.b", "a.b", "a.c"}, "key"),
            (std::vector<std::string>{"z.b", "a.b"}));
}

TEST(NamePattern, ThatFitsNothingIsRefusedWithTheNearest) {
  std::vector<std::string> names = {"embed.weight", "head.bias"};
  for (int i = 0; i < 12; ++i) {
    names.push_back(concat("blocks.", i, ".mlp.fc1.weight"));
    names.push_back(concat("blocks.", i, ".norm1.weight"));
  }
  try {
    names_that_fit("blocks.*.mpl.*", names, "train.adapt.layers");
    FAIL() << "not refused";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("train.adapt.layers: 'blocks.*.mpl.*' fits no parameter of the network; "
                          "the nearest are blocks.*.mlp.fc1.weight, blocks.*.norm1.weight"));
  }
}

}  // namespace
}  // namespace eddyline
