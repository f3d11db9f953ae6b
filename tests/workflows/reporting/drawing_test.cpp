#include "workflows/reporting/drawing.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

/// A program that says something and ends so.
std::string program(std::string const& name, std::string const& lines) {
  auto const path = std::filesystem::temp_directory_path() / ("eddyline_drawing_" + name);
  std::ofstream(path) << "#!/bin/sh\n" << lines << "\n";
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path.string();
}

TEST(Drawing, FindsItsScriptsInTheBuildFolder) {
  EXPECT_TRUE(std::filesystem::exists(drawing_scripts() / "figures.py"));
}

TEST(Drawing, RunsTheScriptWithItsArgumentsAsTheyStand) {
  auto const echo = program("echo", "echo \"$3|$4\"");
  EXPECT_EQ(draw("report.py", {"a 'b", "$c"}, echo), "a 'b|$c");
}

TEST(Drawing, SaysWhatToInstallWherePythonIsMissing) {
  EXPECT_THAT(message_of([] { draw("report.py", {}, "no-such-python"); }),
              HasSubstr("there is no 'no-such-python' to draw with; install Python 3 with numpy, "
                        "h5py and matplotlib, or name one with python="));
}

TEST(Drawing, HandsOnWhatTheScriptSaysTheUserCanFix) {
  auto const python = program("refuses", "echo 'it has no matplotlib' >&2; exit 2");
  EXPECT_EQ(message_of([&] { draw("report.py", {}, python); }), "it has no matplotlib");
}

TEST(Drawing, FailsInTheScriptsWords) {
  auto const python = program("fails", "echo 'disk full' >&2; exit 1");
  try {
    draw("report.py", {}, python);
    FAIL() << "nothing was thrown";
  } catch (Failure const& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("could not draw (exit code 1): disk full"));
  }
}

TEST(Drawing, NamesThePackageThatPythonLacks) {
  // -S leaves site-packages out, and so what draws.
  auto const python = program("bare", "exec python3 -S \"$@\"");
  EXPECT_THAT(message_of([&] { draw("report.py", {"."}, python); }),
              HasSubstr("which draws the report; install it with"));
}

}  // namespace
}  // namespace eddyline
