#include "core/version.hpp"

#include <gmock/gmock.h>

#include <regex>

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(Version, NamesTheBuildAndItsLibraries) {
  EXPECT_TRUE(std::regex_match(version().number, std::regex(R"(\d+\.\d+\.\d+)")))
      << version().number;
  EXPECT_TRUE(
      std::regex_match(version().commit, std::regex(R"([0-9a-f]{12,}(\+changes)?|unknown)")))
      << version().commit;
  EXPECT_THAT(version().mpi, testing::HasSubstr("MPI"));
  EXPECT_THAT(version().torch, testing::StartsWith("2."));
  EXPECT_FALSE(version().compiler.empty());
}

}  // namespace
}  // namespace eddyline
