#include "core/memory_room.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <functional>

#include <gtest/gtest.h>

#include "tests/core/temporary_folder.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

/// A machine as its files tell of it: 8 GiB, of which 6 are free.
class Room : public testing::Test {
 protected:
  Room() {
    write("proc/status", "VmSize:\t 1048576 kB\nVmData:\t  524288 kB\n");
    write("meminfo",
          "MemTotal: 8388608 kB\nMemAvailable: 6291456 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
  }
  void write(std::string const& file, std::string const& text) {
    auto const path = folder_.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  MemoryRoom room(int ranks = 1) const {
    return memory_room(ranks,
                       {.process = folder_.path() / "proc",
                        .machine = folder_.path() / "meminfo",
                        .control_groups = folder_.path() / "groups"});
  }
  TemporaryFolder folder_;
};

constexpr double kGib = 0x1p30;

TEST_F(Room, IsWhatTheMachineHasFree) {
  EXPECT_EQ(room().left, 6 * kGib);
  EXPECT_THAT(room().describe(),
              HasSubstr("this machine allows 8.00 GiB, of which 2.00 GiB are taken"));
}

TEST_F(Room, IsDividedAmongTheRanksOfAMachine) {
  EXPECT_EQ(room(4).left, 1.5 * kGib);
  EXPECT_TRUE(room(4).is_shared);
  EXPECT_THAT(room(4).describe(), HasSubstr("2.00 GiB are taken, and 4 ranks share the rest"));
}

TEST_F(Room, IsThatOfTheNarrowestControlGroupAbove) {
  write("proc/cgroup", "0::/job/step\n");
  write("groups/job/step/memory.max", "max\n");
  write("groups/job/step/memory.current", "1073741824\n");
  write("groups/job/memory.max", "4294967296\n");
  write("groups/job/memory.current", "2147483648\n");
  write("groups/job/memory.stat", "anon 5\ninactive_file 1073741824\n");  // can be given back
  EXPECT_EQ(room().left, 3 * kGib);
  EXPECT_THAT(room().name, HasSubstr("control group"));
}

TEST_F(Room, IsThatOfAControlGroupOfTheFirstVersion) {
  write("proc/cgroup", "9:name=systemd:/\n4:memory:/job\n0::/\n");
  write("groups/memory/memory.limit_in_bytes", "9223372036854771712\n");  // no limit
  write("groups/memory/memory.usage_in_bytes", "7516192768\n");
  write("groups/memory/job/memory.limit_in_bytes", "2147483648\n");
  write("groups/memory/job/memory.usage_in_bytes", "1073741824\n");
  EXPECT_EQ(room().left, kGib);
}

TEST_F(Room, IsNotNarrowedByDamagedFiles) {
  write("proc/cgroup", "0::\n::\nnothing\n0::/../../x\n");
  write("meminfo", "MemTotal: none\nMemAvailable:\n");
  EXPECT_TRUE(std::isinf(room().left));
}

/// In a process of its own, since a limit cannot be taken back.
bool holds_under(decltype(RLIMIT_AS) resource, rlim_t bytes, std::function<bool()> const& holds) {
  auto const child = fork();
  if (child == 0) {
    rlimit const limit{bytes, bytes};
    _exit(setrlimit(resource, &limit) == 0 && holds() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(Room, IsWhatALimitOfAddressSpaceLeaves) {
  EXPECT_TRUE(holds_under(RLIMIT_AS, rlim_t{5} << 30, [&] {
    return room().name == "ulimit -v" && room().left == 4 * kGib;
  }));
}

TEST_F(Room, IsWhatALimitOfDataLeaves) {
  EXPECT_TRUE(holds_under(RLIMIT_DATA, rlim_t{2} << 30, [&] {
    return room().name == "ulimit -d" && room().left == 1.5 * kGib && !room().is_shared;
  }));
}

TEST(PeakResidentMemory, IsAtLeastWhatWasTouched) {
  auto const before = peak_resident_memory();
  ASSERT_GT(before, 0);
  std::vector<char> const touched(256 << 20, 1);
  EXPECT_GE(peak_resident_memory(), 256 << 20);
  EXPECT_EQ(touched.back(), 1);
}

TEST(PeakResidentMemory, IsForgotten) {
  { std::vector<char> const touched(256 << 20, 1); }
  forget_peak_resident_memory();
  auto const before = peak_resident_memory();
  { std::vector<char> const touched(64 << 20, 1); }
  EXPECT_GE(peak_resident_memory() - before, 63 << 20);
  EXPECT_LT(peak_resident_memory() - before, 128 << 20);
}

}  // namespace
}  // namespace eddyline
