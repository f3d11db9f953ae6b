#include "apps/machine.hpp"

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(Machine, FindsWhatEveryMachineHas) {
  EXPECT_FALSE(host_name().empty());
  EXPECT_GT(available_memory(), 1 << 20);
  EXPECT_GE(cpu_quota(), 0);
  EXPECT_TRUE(program_exists("sh"));
  EXPECT_FALSE(program_exists("no such program"));
}

TEST(Machine, ReadsWhatCommandsPrint) {
  EXPECT_EQ(output_of("echo one; echo two >&2"), "one\ntwo\n");
  EXPECT_EQ(first_line("one\ntwo"), "one");
  EXPECT_EQ(first_version("paraview version 5.11.0-RC"), "5.11.0");
  EXPECT_EQ(first_version("none"), "");
}

}  // namespace
}  // namespace eddyline
