// scripts/setup.sh of the two commands, with programs of this test's own in place of those that
// install.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "tests/apps/process.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// A project of CMakeLists.txt alone on a machine where apt-get, pip, sudo and cmake only note how
/// they were called.
class Setup : public testing::Test {
 protected:
  Setup() {
    std::filesystem::create_directories(scratch_ / "project/.venv/bin");
    std::filesystem::copy_file(source_file("CMakeLists.txt"), scratch_ / "project/CMakeLists.txt");
    for (auto const* program : {"apt-get", "cmake"}) {
      fake(program);
    }
    fake("sudo", "exec \"$@\"");
    fake("id", "echo 0");
    fake("dpkg-query", "echo installed");
    fake("../project/.venv/bin/pip");
  }

  /// A program first in PATH that notes its call and then does that.
  void fake(std::string const& name, std::string const& then = "") {
    auto const path = scratch_ / ("bin/" + name);
    std::filesystem::create_directories(scratch_ / "bin");
    std::ofstream(path) << "#!/bin/sh\necho \"${0##*/} $*\" >> " << scratch_ / "calls"
                        << "\n"
                        << then << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }

  /// Runs shell lines after setup.sh, which knows nothing of this machine's own driver and
  /// services.
  Outcome run(std::string const& lines, std::string const& variables = "") {
    std::filesystem::remove(scratch_ / "calls");
    std::ofstream(scratch_ / "script") << "set -euo pipefail\n. " << source_file("scripts/setup.sh")
                                       << "\nroot=" << scratch_ / "project"
                                       << "\nvenv=$root/.venv\n"
                                          "has_nvidia_driver() { command -v nvidia-smi; }\n"
                                          "without_services() { \"$@\"; }\n"
                                       << lines << "\n";
    return outcome_of(concat("env -i HOME=/tmp PATH=",
                             scratch_ / "bin",
                             path_,
                             " ",
                             variables,
                             " $(command -v bash) ",
                             scratch_ / "script"));
  }
  std::string calls() const {
    std::ifstream in(scratch_ / "calls");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  Scratch scratch_;
  std::string path_ = ":\"$PATH\"";  ///< what follows this test's programs in PATH
};

TEST_F(Setup, InstallsNothingAndTakesSecondsWhereNothingIsMissing) {
  ASSERT_EQ(run("setup eddyline").code, 0);
  auto const again = run("setup eddyline");
  EXPECT_EQ(again.code, 0) << again.text;
  EXPECT_THAT(again.text,
              AllOf(HasSubstr("system packages: all there"),
                    HasSubstr("LibTorch 2.11.0 (cpu) and Python packages: all there"),
                    testing::ContainsRegex("set-up took [0-9] s")));
  EXPECT_THAT(calls(),
              AllOf(HasSubstr("cmake --preset release "),
                    HasSubstr("cmake --build --preset release --target eddyline"),
                    Not(HasSubstr("apt-get")),
                    Not(HasSubstr("pip "))));
}

TEST_F(Setup, BuildsAndInstallsNothingWhereItIsTold) {
  fake("dpkg-query", "exit 1");  // nothing is there by apt
  for (auto const* program : {"pvbatch", "xvfb-run", "../project/.venv/bin/python"}) {
    fake(program);
  }
  auto const outcome = run("install=OFF; setup eddyline");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_THAT(calls(),
              AllOf(HasSubstr("cmake --preset release "),
                    HasSubstr("\ncmake --build --preset release --target eddyline\n"),
                    Not(HasSubstr("EDDYLINE_CATALYST=ON")),  // what cmake does not find is left out
                    Not(HasSubstr("apt-get")),
                    Not(HasSubstr("dpkg-query")),
                    Not(HasSubstr("pip "))));
}

TEST_F(Setup, InstallsByAptWhatIsMissingAlone) {
  fake("dpkg-query", "case \"$*\" in *ninja*) exit 1 ;; esac; echo installed");
  auto const outcome = run("install_packages");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("installing 1 system packages: ninja-build\n"));
  EXPECT_THAT(calls(),
              AllOf(HasSubstr("apt-get update -qq\n"),
                    HasSubstr("apt-get install -y -qq --no-install-recommends ninja-build\n"),
                    Not(HasSubstr("sudo"))));
}

TEST_F(Setup, AsksSudoWhereItIsNotRoot) {
  fake("id", "echo 1000");
  fake("dpkg-query", "exit 1");
  EXPECT_EQ(run("install_packages").code, 0);
  EXPECT_THAT(calls(), HasSubstr("sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq\n"));
}

TEST_F(Setup, SaysWhoMayInstallWhereNeitherRootNorSudoIsThere) {
  fake("id", "echo 1000");
  fake("dpkg-query", "exit 1");
  std::filesystem::remove(scratch_ / "bin/sudo");
  for (auto const* program : {"bash", "dirname", "cat", "env"}) {
    outcome_of(concat("ln -s $(command -v ", program, ") ", scratch_ / "bin/"));
  }
  path_ = "";
  auto const outcome = run("install_packages");
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  EXPECT_THAT(outcome.text,
              HasSubstr("apt-get update -qq' needs root: run as root, install sudo, or ask an "
                        "administrator to run it once"));
}

TEST_F(Setup, SaysWhenAptCannotReachItsServers) {
  fake("dpkg-query", "exit 1");
  fake("apt-get", "exit 100");
  auto const outcome = run("install_packages");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.text, HasSubstr("error: apt-get update failed; is the network up?"));
}

TEST_F(Setup, PassesVariablesNamedLikeItsOptionsOnToCmake) {
  auto const outcome = run("setup", "EDDYLINE_UNITY=OFF EDDYLINE_TORCH=/site/torch");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_THAT(calls(),
              AllOf(HasSubstr(" -DEDDYLINE_UNITY=OFF"),
                    HasSubstr(" -DEDDYLINE_TORCH=/site/torch"),
                    HasSubstr(" -UEDDYLINE_PARAVIEW"),
                    HasSubstr(" -DEDDYLINE_CATALYST=ON"),
                    Not(HasSubstr(" torch=="))));  // the site's own is used
}

TEST_F(Setup, LeavesThePicturesProgramsOutWhereItIsTold) {
  EXPECT_THAT(run("wanted_packages").text, HasSubstr("\nparaview python3-paraview xvfb xauth\n"));
  EXPECT_THAT(run("wanted_packages").text, HasSubstr("\nparaview-dev libpython3-dev\n"));
  auto const without = run("wanted_packages", "EDDYLINE_PARAVIEW=OFF").text;
  EXPECT_THAT(without, AllOf(HasSubstr("libopenmpi-dev"), Not(HasSubstr("paraview"))));
}

TEST_F(Setup, InstallsSlurmForTheTestsUnlessItIsTold) {
  auto const tests = outcome_of("grep -x 'slurm=.*' " + source_file("test")).text;
  auto const packages = HasSubstr("\nslurmctld slurmd slurm-client munge\n");
  EXPECT_THAT(run(tests + "wanted_packages").text, packages);
  EXPECT_THAT(run(tests + "wanted_packages", "EDDYLINE_SLURM=OFF").text, Not(packages));
  EXPECT_THAT(run("wanted_packages").text, Not(packages)) << "./quickstart";
}

TEST_F(Setup, TakesTheWheelsCudaPartsWhereADriverIsFound) {
  auto const cpu = run("install_python");
  EXPECT_EQ(cpu.code, 0) << cpu.text;
  EXPECT_THAT(calls(),
              AllOf(HasSubstr("--no-deps torch==2.11.0 nvidia-cuda-runtime=="),
                    HasSubstr("--no-deps tensorboard absl-py protobuf\n")));
  fake("nvidia-smi");
  auto const gpu = run("install_python");
  EXPECT_EQ(gpu.code, 0) << gpu.text;
  EXPECT_THAT(gpu.text, HasSubstr("installing LibTorch 2.11.0 (cuda)"));
  EXPECT_THAT(calls(),
              HasSubstr("pip install --quiet --disable-pip-version-check torch==2.11.0 "
                        "nvidia-cuda-crt==13.0.88\n"));
}

TEST_F(Setup, SaysWhenPipCannotReachItsServers) {
  fake("../project/.venv/bin/pip", "exit 1");
  auto const outcome = run("install_python");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.text, HasSubstr("error: pip could not install torch 2.11.0; is the network"));
}

TEST_F(Setup, ShowsTheWordsOfAFailingBuild) {
  fake("cmake", "echo there is no compiler >&2; exit 1");
  auto const outcome = run("build");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.text,
              AllOf(HasSubstr("there is no compiler"),
                    HasSubstr("error: cmake could not configure; its words stand above")));
}

}  // namespace
}  // namespace eddyline
