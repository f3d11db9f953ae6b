#include "core/text.hpp"

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(LowerCase, ChangesAsciiLettersOnly) {
  EXPECT_EQ(lower_case("Degrees_NORTH 1°"), "degrees_north 1°");
}

}  // namespace
}  // namespace eddyline
