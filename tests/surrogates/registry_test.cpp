#include "surrogates/registry.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

TEST(SurrogateRegistry, NamesTheNearestOfAnUnknownOne) {
  try {
    surrogate_entry("moprh");
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("there is no surrogate 'moprh'; did you mean 'morph'?"));
  }
}

TEST(SurrogateRegistry, EveryEntryIsWhole) {
  for (auto const& entry : surrogate_registry()) {
    EXPECT_FALSE(entry.summary.empty()) << entry.name;
    EXPECT_NE(entry.make, nullptr) << entry.name;
    EXPECT_NE(entry.default_config, nullptr) << entry.name;
  }
}

}  // namespace
}  // namespace eddyline
