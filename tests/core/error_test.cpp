#include "core/error.hpp"

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(Error, CarriesTheContextOfEveryBoundaryItCrosses) {
  try {
    with_context(
        [] {
          with_context(
              [] { require(false, "patch ", 8, " is too large"); }, "reading trajectory ", 3);
        },
        "preparing batch ",
        17);
    FAIL() << "nothing was thrown";
  } catch (Exception const& error) {
    EXPECT_STREQ(error.what(),
                 "patch 8 is too large\n  while reading trajectory 3\n  while preparing batch 17");
    EXPECT_EQ(error.code(), ExitCode::user);
  }
}

TEST(Error, OfABugNamesFileAndLine) {
  try {
    EDDYLINE_ENSURE(1 > 2, "arithmetic");
    FAIL() << "nothing was thrown";
  } catch (Bug const& error) {
    EXPECT_NE(std::string(error.what()).find("error_test.cpp:"), std::string::npos);
  }
}

}  // namespace
}  // namespace eddyline
