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

TEST(CatalystScript, ThatReadsOtherFilesThanTheRunsIsNoticed) {
  std::string const exported =
      "trajectory00000xdmf = XDMFReader(registrationName='trajectory-00000.xdmf', "
      "FileNames=['/runs/a/trajectory-00000.xdmf'])\n"
      "wall = STLReader(registrationName=\"wall.stl\",\n    FileNames=['wall.stl'])\n"
      "slice1 = Slice(registrationName='Slice1', Input=trajectory00000xdmf)\n";
  EXPECT_THAT(sources_of_other_files(exported, {"input", "trajectory-00001.xdmf"}),
              testing::ElementsAre("trajectory-00000.xdmf", "wall.stl"));
  EXPECT_THAT(sources_of_other_files(exported, {"input", "trajectory-00000.xdmf"}),
              testing::IsEmpty());
  auto const own = exported + "source = TrivialProducer(registrationName='input')\n";
  EXPECT_THAT(sources_of_other_files(own, {"input"}), testing::IsEmpty());
}

TEST(CatalystLive, TakesAHostAndAPort) {
  for (auto const* const wrong : {"here", "here:", ":22222", "here:0", "here:65536", "here:2x"}) {
    EXPECT_THAT(message_of([&] { check_catalyst({.live = wrong}); }),
                HasSubstr(concat("catalyst.live is '", wrong, "', not host:port")));
  }
}

}  // namespace
}  // namespace eddyline
