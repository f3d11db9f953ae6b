#include "data/sinks/catalyst.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "tests/message_of.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

TEST(CatalystScript, IsAReadyOneByItsName) {
  EXPECT_EQ(catalyst_script({.script = "slice"}).filename(), "slice.py");
  EXPECT_EQ(catalyst_script({.live = "localhost:22222"}).filename(), "live.py");
}

TEST(CatalystScript, ThatIsMissingIsAnErrorThatNamesTheReadyOnes) {
  auto const message = message_of([] { catalyst_script({.script = "slise.py"}); });
  EXPECT_THAT(
      message,
      HasSubstr("catalyst.script: there is no file 'slise.py'; name a script, or one of the "
                "ready ones: "));
  EXPECT_THAT(message, HasSubstr("extract, "));
}

TEST(CatalystLive, TakesAHostAndAPort) {
  for (auto const* const wrong : {"here", "here:", ":22222", "here:0", "here:65536", "here:2x"}) {
    EXPECT_THAT(message_of([&] { check_catalyst({.live = wrong}); }),
                HasSubstr(concat("catalyst.live is '", wrong, "', not host:port")));
  }
}

}  // namespace
}  // namespace eddyline
