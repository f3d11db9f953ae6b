#include "core/log.hpp"

#include <gmock/gmock.h>

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

TEST_F(LogFile, IsAppendedTo) {
  log_line("first");
  attach_log_file(folder_.path() / "log.txt");
  log_line("second");
  EXPECT_THAT(lines(), HasSubstr("first\n"));
  EXPECT_THAT(lines(), HasSubstr("second\n"));
}

TEST(Log, RefusesAFileThatCannotBeOpened) {
  TemporaryFolder const folder;
  write_text(folder.path() / "file", "");
  EXPECT_THROW(attach_log_file(folder.path() / "file" / "log.txt"), Failure);
}

}  // namespace
}  // namespace eddyline
