#include "apps/verbs.hpp"

#include <gmock/gmock.h>

#include <set>

#include <gtest/gtest.h>

#include "apps/usage.hpp"
#include "core/error.hpp"

namespace eddyline {
namespace {

TEST(Verbs, HaveUniqueNamesAndOneLineEachInTheHelp) {
  std::set<std::string> names;
  for (auto const& verb : verbs()) {
    EXPECT_TRUE(names.insert(verb.name).second) << verb.name;
    EXPECT_FALSE(verb.summary.empty()) << verb.name;
    EXPECT_EQ(verb.summary.find('\n'), std::string::npos) << verb.name;
    EXPECT_THAT(program_help(), testing::HasSubstr(verb.summary));
  }
}

TEST(Verbs, EachPrintsItsHelpAndReturnsZero) {
  auto const world = Communicator::world();
  for (auto const& verb : verbs()) {
    testing::internal::CaptureStdout();
    EXPECT_EQ(verb.run({"--help"}, world), 0) << verb.name;
    auto const text = testing::internal::GetCapturedStdout();
    if (world.is_root()) {
      EXPECT_THAT(text, testing::HasSubstr("usage: eddyline " + verb.name));
    } else {
      EXPECT_EQ(text, "") << verb.name;
    }
  }
}

TEST(Verbs, UnknownOnesAreRefusedWithTheNearest) {
  try {
    verb_named("docter");
    FAIL() << "nothing was thrown";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("there is no verb 'docter'; did you mean 'doctor'?"));
  }
}

}  // namespace
}  // namespace eddyline
