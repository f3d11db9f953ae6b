#include "core/installed.hpp"

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(Installed, IsFoundAboveTheProgram) {
  auto const program = std::filesystem::read_symlink("/proc/self/exe");
  auto const relative = program.parent_path().filename() / program.filename();
  EXPECT_EQ(installed(relative), program);
}

TEST(Installed, IsNoneWhereNoFolderAboveHasIt) {
  EXPECT_EQ(installed("share/eddyline/no such thing"), std::nullopt);
}

}  // namespace
}  // namespace eddyline
