#include "core/atomic_file.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/core/temporary_folder.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  TemporaryFolder const folder;
  auto const path = folder.path() / "a.txt";
  {
    AtomicFile file(path);
    std::ofstream(file.temporary()) << "new";
    EXPECT_FALSE(std::filesystem::exists(path));
    file.commit();
  }
  EXPECT_EQ(read_text(path, 100), "new");
  EXPECT_FALSE(std::filesystem::exists(AtomicFile::temporary_name(path)));
}

TEST(AtomicFile, LeavesTheOldFileWhenNotCommitted) {
  TemporaryFolder const folder;
  auto const path = folder.path() / "a.txt";
  write_text(path, "old");
  {
    AtomicFile const file(path);
    std::ofstream(file.temporary()) << "half";
  }
  EXPECT_EQ(read_text(path, 100), "old");
  EXPECT_FALSE(std::filesystem::exists(AtomicFile::temporary_name(path)));
}

TEST(AtomicFile, RefusesAFolderThatIsNotThere) {
  try {
    AtomicFile const file("/nowhere/at/all/a.txt");
    FAIL() << "nothing was thrown";
  } catch (Failure const& error) {
    EXPECT_STREQ(error.what(),
                 "cannot write '/nowhere/at/all/a.txt': there is no folder '/nowhere/at/all'");
  }
}

/// Runs `action` in a child whose files may have 1000 bytes; returns its message.
std::string message_with_full_disk(std::function<void()> const& action,
                                   std::filesystem::path const& told) {
  auto const child = ::fork();
  if (child == 0) {
    rlimit const limit{1000, 1000};
    ::signal(SIGXFSZ, SIG_IGN);
    std::string message = "nothing was thrown";
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      action();
    } catch (Failure const& error) {
      message = error.what();
    }
    std::ofstream(told) << message;
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return read_text(told, 10000);
}

TEST(AtomicFile, FullDiskIsAFailureThatKeepsTheOldFile) {
  TemporaryFolder const folder;
  auto const path = folder.path() / "a.txt";
  write_text(path, "old");
  auto const message = message_with_full_disk([&] { write_text(path, std::string(5000, 'x')); },
                                              folder.path() / "told");
  EXPECT_THAT(message, HasSubstr("a.txt': File too large; free space or choose another folder"));
  EXPECT_EQ(read_text(path, 100), "old");
}

TEST(AtomicFile, TextIsPutBeforeTheTailInPlace) {
  TemporaryFolder const folder;
  auto const path = folder.path() / "a.xml";
  EXPECT_FALSE(insert_before_tail(path, "b", "</x>")) << "there is no file yet";
  write_text(path, "<x>a</x>");
  EXPECT_TRUE(insert_before_tail(path, "bc", "</x>"));
  EXPECT_TRUE(insert_before_tail(path, "d", "</x>"));
  EXPECT_EQ(read_text(path, 100), "<x>abcd</x>");
  EXPECT_FALSE(insert_before_tail(path, "e", "</y>"));
  write_text(path, "<");
  EXPECT_FALSE(insert_before_tail(path, "e", "</x>"));
  EXPECT_EQ(read_text(path, 100), "<");
}

TEST(AtomicFile, FullDiskLeavesAFileWithItsTail) {
  TemporaryFolder const folder;
  auto const path = folder.path() / "a.xml";
  write_text(path, "<x>a</x>");
  auto const message = message_with_full_disk(
      [&] { insert_before_tail(path, std::string(5000, 'x'), "</x>"); }, folder.path() / "told");
  EXPECT_THAT(message, HasSubstr("cannot write '"));
  EXPECT_EQ(read_text(path, 100), "<x>a</x>");
}

TEST(AtomicFile, ReadTextRefusesWhatIsMissingAFolderOrTooLarge) {
  TemporaryFolder const folder;
  write_text(folder.path() / "a", "0123456789");
  auto const message = [](std::filesystem::path const& path) -> std::string {
    try {
      return read_text(path, 5);
    } catch (Error const& error) {
      return error.what();
    }
  };
  EXPECT_THAT(message(folder.path() / "b"), HasSubstr("there is no file '"));
  EXPECT_THAT(message(folder.path()), HasSubstr("is a folder, not a file"));
  EXPECT_THAT(message(folder.path() / "a"), HasSubstr("is too large: at most 5 bytes"));
}

TEST(AtomicFile, ReplacesALinkByAnother) {
  TemporaryFolder const folder;
  write_text(folder.path() / "one", "1");
  write_text(folder.path() / "two", "2");
  replace_link("one", folder.path() / "last");
  EXPECT_EQ(read_text(folder.path() / "last", 10), "1");
  replace_link("two", folder.path() / "last");
  EXPECT_EQ(read_text(folder.path() / "last", 10), "2");
}

}  // namespace
}  // namespace eddyline
