#include "workflows/rehearsal/ways_to_share.hpp"

#include <gtest/gtest.h>

#include "tests/workflows/rehearsal/made_up_rehearsal.hpp"

namespace eddyline {
namespace {

TEST(WaysToShare, AreAllSplitsOfEachNumberOfRanksThatThePatchAllowsOnOneRank) {
  std::vector<std::array<int, 4>> found;
  for (auto const& way : ways_to_share(MadeUpRehearsal(1), 5)) {
    if (way.ranks == 1 || way.ranks == 5) {
      found.push_back({way.ranks, way.domain[0], way.domain[1], way.domain[2]});
    }
  }
  // D has four patches only.
  EXPECT_EQ(
      found,
      (std::vector<std::array<int, 4>>{{1, 1, 1, 1}, {5, 1, 1, 1}, {5, 1, 1, 5}, {5, 1, 5, 1}}));
}

}  // namespace
}  // namespace eddyline
