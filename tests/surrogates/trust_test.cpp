#include "surrogates/trust.hpp"

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(Trust, IsRefusedUntilItIsGiven) {
  auto const before = trust();
  set_trust(Trust::refused);
  EXPECT_EQ(trust(), Trust::refused);
  set_trust(Trust::given);
  EXPECT_EQ(trust(), Trust::given);
  set_trust(before);
}

}  // namespace
}  // namespace eddyline
