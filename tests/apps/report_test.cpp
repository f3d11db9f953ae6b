#include <gmock/gmock.h>

#include <fstream>

#include <gtest/gtest.h>

#include "apps/verbs.hpp"
#include "core/error.hpp"
#include "tests/message_of.hpp"
#include "tests/places.hpp"
#include "tests/workflows/rollout/small_model.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

TEST(ReportVerb, WritesThePageOfTheRunsThatFollowIt) {
  auto const folder = testing_rollout::prepare("verb_report");
  auto const world = Communicator::world();
  std::vector<std::string> words = {(folder / "data").string(),
                                    "out=" + (folder / "out").string(),
                                    "fields=[u]",
                                    "frames=2",
                                    "python=" + venv_python()};
  EXPECT_EQ(run_report(words, world), 0);
  EXPECT_GT(std::filesystem::file_size(folder / "out" / "report.html"), 10000U);
  EXPECT_THAT(message_of([&] { run_report(words, world); }),
              HasSubstr("report.html' exists; replace it with --overwrite"));
  words.emplace_back("--resume");
  EXPECT_THAT(message_of([&] { run_report(words, world); }), HasSubstr("report cannot resume"));
  words.back() = "--overwrite";
  words.front() = folder.string();
  EXPECT_THAT(message_of([&] { run_report(words, world); }), HasSubstr("is no run"));
}

}  // namespace
}  // namespace eddyline
