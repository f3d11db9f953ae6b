#include "core/log.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "tests/core/temporary_folder.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;
using testing::Not;

class LogFile : public testing::Test {
 protected:
  std::string lines() const { return read_text(folder_.path() / "log.txt", 100000); }
  void SetUp() override { attach_log_file(folder_.path() / "log.txt"); }
  void TearDown() override {
    detach_log_file();
    set_log_level(LogLevel::info);
  }

  TemporaryFolder folder_;
};

TEST_F(LogFile, HoldsEveryLineWithItsLevel) {
  log_line("step ", 3, " of {x}");
  log_warning("disk is slow");
  EXPECT_THAT(lines(), HasSubstr(" info step 3 of {x}\n"));
  EXPECT_THAT(lines(), HasSubstr(" warning warning: disk is slow\n"));
}

TEST_F(LogFile, DropsLinesBelowTheLevel) {
  log_debug("details");
  set_log_level(LogLevel::warning);
  log_line("chatter");
  EXPECT_THAT(lines(), Not(HasSubstr("details")));
  EXPECT_THAT(lines(), Not(HasSubstr("chatter")));
}

TEST_F(LogFile, SaysOnceWhatIsToBeSaidOnce) {
  log_once("key of this test", "only once");
  log_once("key of this test", "only once");
  auto const text = lines();
  EXPECT_EQ(text.find("only once"), text.rfind("only once"));
}

TEST_F(LogFile, HasWhatAnyRankMaySayIfItIsOfTheRankThatWritesIt) {
  testing::internal::CaptureStderr();
  write_from_any_rank(LogLevel::warning, "no display");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("warning: no display\n"));
  EXPECT_THAT(lines(), HasSubstr(" warning warning: no display\n"));
}

TEST_F(LogFile, IsAppendedTo) {
  log_line("first");
  attach_log_file(folder_.path() / "log.txt");
  log_line("second");
  EXPECT_THAT(lines(), HasSubstr("first\n"));
  EXPECT_THAT(lines(), HasSubstr("second\n"));
}

/// Everything that a child process writes to a terminal of its own, which is its standard error.
std::string shown_on_a_terminal(char const* test) {
  auto const terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || ::grantpt(terminal) != 0 || ::unlockpt(terminal) != 0) {
    return "";
  }
  auto const line = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY);
  auto const filter = std::string("--gtest_filter=") + test;
  auto const child = ::fork();
  if (child == 0) {
    ::dup2(line, STDERR_FILENO);
    ::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO);
    std::array<char const*, 3> const environment = {
        "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", nullptr};
    ::execle("/proc/self/exe",
             "core_tests",
             filter.c_str(),
             "--gtest_also_run_disabled_tests",
             static_cast<char*>(nullptr),
             environment.data());
    ::_exit(127);
  }
  ::close(line);
  std::string text;
  std::array<char, 4096> chunk;
  for (ssize_t count = 0; (count = ::read(terminal, chunk.data(), chunk.size())) > 0;) {
    text.append(chunk.data(), static_cast<size_t>(count));
  }
  ::waitpid(child, nullptr, 0);
  ::close(terminal);
  return text;
}

// What the next test runs in a process that has a terminal.
TEST(Log, DISABLED_OnATerminal) {
  start_log(Communicator::self());
  set_status_line("step 1 of 9");
  log_line("a line");
  set_status_line("step 2 of 9");
  set_status_line("");
}

TEST(Log, KeepsTheStatusLineBelowWhatIsLoggedOnATerminal) {
  auto const text = shown_on_a_terminal("Log.DISABLED_OnATerminal");
  EXPECT_THAT(text, HasSubstr("step 1 of 9\r\x1b[K"));
  EXPECT_THAT(text, HasSubstr(" a line\r\nstep 1 of 9\r\x1b[Kstep 2 of 9\r\x1b[K"));
}

TEST(Log, ShowsNoStatusLineWhereThereIsNoTerminal) {
  if (::isatty(STDERR_FILENO) == 1) {
    GTEST_SKIP() << "standard error is a terminal";
  }
  testing::internal::CaptureStderr();
  set_status_line("step 1 of 9");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_FALSE(has_status_line());
}

TEST(Log, RefusesAFileThatCannotBeOpened) {
  TemporaryFolder const folder;
  write_text(folder.path() / "file", "");
  EXPECT_THROW(attach_log_file(folder.path() / "file" / "log.txt"), Failure);
}

}  // namespace
}  // namespace eddyline
