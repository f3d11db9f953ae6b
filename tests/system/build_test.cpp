// Building and installing where nobody is root and the libraries are the site's.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/apps/process.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Runs a shell line as the user nobody where this test is root, with a bare environment.
Outcome as_unprivileged(std::string const& line) {
  auto const* const user =
      geteuid() == 0 ? "setpriv --reuid nobody --regid nogroup --clear-groups " : "";
  return outcome_of(concat("cd / && ", user, "env -i HOME=/tmp PATH=\"$PATH\" sh -c '", line, "'"));
}

/// A folder that every user may read, and its owner's name may not matter.
class Build : public testing::Test {
 protected:
  Build() {
    std::filesystem::permissions(
        scratch_ / "", std::filesystem::perms::all, std::filesystem::perm_options::replace);
  }
  Scratch scratch_;
};

TEST_F(Build, SaysByNameAllThatIsMissing) {
  auto const outcome = outcome_of(concat("cmake -G Ninja -S ",
                                         source_folder().string(),
                                         " -B ",
                                         scratch_ / "build",
                                         " -DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON "
                                         "-DCMAKE_DISABLE_FIND_PACKAGE_spdlog=ON "
                                         "-DCMAKE_DISABLE_FIND_PACKAGE_Python3=ON "
                                         "-DEDDYLINE_CATALYST=ON "
                                         "-DEDDYLINE_TORCH=/nowhere"));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.text, HasSubstr("LibTorch: -DEDDYLINE_TORCH=<folder>"));
  EXPECT_THAT(outcome.text, HasSubstr("MPI for C: -DMPI_HOME=<folder>"));
  EXPECT_THAT(outcome.text, HasSubstr("spdlog: -Dspdlog_ROOT=<folder>"));
  EXPECT_THAT(outcome.text,
              HasSubstr("ParaView 5.11 with headers, and Python's: -DParaView_ROOT=<folder> "
                        "(Debian: paraview-dev libpython3-dev), or -DEDDYLINE_CATALYST=OFF"));
  EXPECT_THAT(outcome.text, Not(HasSubstr("ZLIB: ")));
}

TEST_F(Build, WithoutParaViewHasItsTests) {
  auto const build = scratch_ / "build";
  auto const outcome = outcome_of(concat("cmake -G Ninja -S ",
                                         source_folder().string(),
                                         " -B ",
                                         build,
                                         " -DEDDYLINE_CATALYST=OFF && cd ",
                                         build,
                                         " && ctest -N -V -R '^apps.catalyst$'"));
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  // Those of a program that draws are left out; InSituProgram, which says what to install, is not.
  EXPECT_THAT(outcome.text, HasSubstr(":CatalystProgram*\""));
  EXPECT_THAT(outcome.text, HasSubstr("Total Tests: 1"));
  EXPECT_THAT(outcome.text, Not(HasSubstr("InSitu")));
}

TEST_F(Build, WithoutInstallingSaysByNameWhichProgramsAreMissing) {
  auto const path = scratch_ / "path";
  auto const outcome = outcome_of(
      concat("mkdir ",
             path,
             " && for program in bash dirname id sed cmake; do ln -s $(command -v $program) ",
             path,
             "; done; PATH=",
             path,
             " ",
             source_file("quickstart"),
             " --no-install"));
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("error: not on PATH: c++, ninja, mpirun, python3"));
}

TEST_F(Build, IsConfiguredByAnUnprivilegedUserWithAVirtualEnvironmentsLibTorch) {
  if (as_unprivileged("test -r " + source_file(".venv/bin/activate")).code != 0) {
    GTEST_SKIP() << "another user may not read " << source_file(".venv");
  }
  auto const outcome = as_unprivileged(concat("cmake -G Ninja -S ",
                                              source_folder().string(),
                                              " -B ",
                                              scratch_ / "build",
                                              " -DEDDYLINE_TORCH=",
                                              source_file(".venv")));
  EXPECT_EQ(outcome.code, 0) << outcome.text;
}

TEST_F(Build, InstalledAndMovedRunsForAnUnprivilegedUser) {
  if (as_unprivileged(std::string("test -x ") + EDDYLINE_PROGRAM).code != 0) {
    GTEST_SKIP() << "another user may not run " << EDDYLINE_PROGRAM;
  }
  auto const build = std::filesystem::path(EDDYLINE_PROGRAM).parent_path().string();
  auto const installed = outcome_of(concat("cmake --install ",
                                           build,
                                           " --prefix ",
                                           scratch_ / "first",
                                           " && mv ",
                                           scratch_ / "first",
                                           " ",
                                           scratch_ / "moved"));
  ASSERT_EQ(installed.code, 0) << installed.text;
  auto const program = as_unprivileged(scratch_ / "moved/bin/eddyline --version");
  EXPECT_EQ(program.code, 0) << program.text;
  EXPECT_THAT(program.text, HasSubstr("LibTorch 2."));
  std::ofstream(scratch_ / "scores.json")
      << R"({"format": "eddyline evaluation", "fields": [], "methods": [], "metrics": {}})";
  auto const page = outcome_of(scratch_ / "moved/bin/eddyline report " +
                               (scratch_ / "scores.json") + " python=" + venv_python());
  EXPECT_EQ(page.code, 0) << page.text;
  EXPECT_THAT(page.text, HasSubstr("report/report.html: 1 run, 0 pictures"));
  auto const ranks = as_unprivileged(scratch_ / "moved/share/eddyline/slurm/mpirun.sh 2 doctor");
  EXPECT_EQ(ranks.code, 0) << ranks.text;
  EXPECT_THAT(ranks.text, HasSubstr("2 on "));
}

}  // namespace
}  // namespace eddyline
