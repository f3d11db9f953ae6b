#include "core/nearest.hpp"

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(Nearest, CountsSingleLetterEdits) {
  EXPECT_EQ(edit_distance("batch", "batch"), 0);
  EXPECT_EQ(edit_distance("batch", "batchs"), 1);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("", "abc"), 3);
}

TEST(Nearest, SuggestsTheNearestNameAndListsAll) {
  EXPECT_EQ(did_you_mean("trian", {"simulate", "train"}),
            "; did you mean 'train'? known: simulate, train");
  EXPECT_EQ(did_you_mean("x", {}), "; none is known");
}

}  // namespace
}  // namespace eddyline
