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

/// LibTorch as its users have it, made of links to the one of this build.
class LibTorch : public Build {
 protected:
  LibTorch() {
    namespace fs = std::filesystem;
    fs::create_directories(archive_);
    for (auto const* part : {"include", "lib", "share"}) {
      fs::create_directory_symlink(fs::path(EDDYLINE_TORCH_ROOT) / part, archive_ / part);
    }
    fs::create_directories(packages_);
    fs::create_directory_symlink(archive_, packages_ / "torch");
    fs::create_directories(environment_ / "lib/python3.11");
    fs::create_directory_symlink(packages_, environment_ / "lib/python3.11/site-packages");
    fs::create_directories(checkout_);  // without the .venv of the real one
    for (auto const& entry : fs::directory_iterator(source_folder())) {
      auto const name = entry.path().filename().string();
      if (name != "build" && !name.starts_with('.')) {
        fs::create_symlink(entry.path(), checkout_ / name);
      }
    }
  }
  /// Configures the links to the sources and says which LibTorch the compiler will be told of.
  std::string configured_with(std::string const& variables, std::string const& options) {
    auto const outcome = as_unprivileged(concat(variables,
                                                " cmake -G Ninja -DEDDYLINE_TESTS=OFF "
                                                "-DEDDYLINE_BENCH=OFF -S ",
                                                checkout_.string(),
                                                " -B ",
                                                scratch_ / "build ",
                                                options));
    if (outcome.code != 0) {
      return outcome.text;
    }
    auto const found =
        outcome_of(concat("grep -o -m 1 -e \"-isystem [^ ]*/include/torch/csrc/api\" ",
                          scratch_ / "build/build.ninja",
                          " | head -n 1"));
    auto const words = std::string("-isystem ").size();
    return found.text.substr(words, found.text.find("/include") - words);
  }

  std::filesystem::path archive_ = scratch_ / "unpacked/libtorch";
  std::filesystem::path packages_ = scratch_ / "site-packages";
  std::filesystem::path environment_ = scratch_ / "venv";
  std::filesystem::path checkout_ = scratch_ / "checkout";
};

TEST_F(LibTorch, IsAWheelAnUnpackedArchiveOrWhatAModuleNamesToAnUnprivilegedUser) {
  if (as_unprivileged(concat("test -r ", EDDYLINE_TORCH_ROOT, "/include/ATen/ATen.h")).code != 0 ||
      as_unprivileged("test -r " + source_file("CMakeLists.txt")).code != 0) {
    GTEST_SKIP() << "another user may not read " << EDDYLINE_TORCH_ROOT << " and "
                 << source_folder();
  }
  auto const option = [](std::filesystem::path const& place) {
    return "-DEDDYLINE_TORCH=" + place.string();
  };
  EXPECT_EQ(configured_with("", option(packages_)), (packages_ / "torch").string());
  EXPECT_EQ(configured_with("", option(packages_ / "torch")), (packages_ / "torch").string());
  EXPECT_EQ(configured_with("", option(environment_)),
            (environment_ / "lib/python3.11/site-packages/torch").string());
  EXPECT_EQ(configured_with("", option(archive_.parent_path())), archive_.string());
  EXPECT_EQ(configured_with("", option(archive_)), archive_.string());
  std::string const unset = "-UEDDYLINE_TORCH";
  EXPECT_EQ(configured_with("CMAKE_PREFIX_PATH=/usr:" + archive_.string(), unset),
            archive_.string());
  EXPECT_EQ(configured_with("Torch_DIR=" + archive_.string() + "/share/cmake/Torch", unset),
            archive_.string());
  EXPECT_THAT(configured_with("", unset), HasSubstr("LibTorch: -DEDDYLINE_TORCH=<folder>"));
}

/// The value of a variable in the cache that CMake left in a build folder.
std::filesystem::path cached(std::filesystem::path const& build, std::string const& variable) {
  auto const found = outcome_of(
      concat("sed -n 's/^", variable, ":[A-Z]*=//p' ", (build / "CMakeCache.txt").string()));
  return found.text.substr(0, found.text.find('\n'));
}

TEST_F(Build, TakesMpiHdf5AndParaViewWhereItIsToldTheyAre) {
  namespace fs = std::filesystem;
  fs::path const site = scratch_ / "site", build = scratch_ / "build";
  // Links to those of this build, in folders where nothing looks that is not told.
  auto const used = [](char const* variable) {
    return cached(fs::path(EDDYLINE_PROGRAM).parent_path(), variable);
  };
  auto const link = [&](fs::path const& to, char const* name) {
    fs::create_directories((site / name).parent_path());
    fs::create_symlink(to, site / name);
  };
  link(used("MPI_C_COMPILER"), "mpi/bin/mpicc");
  link(used("MPIEXEC_EXECUTABLE"), "mpi/bin/mpiexec");
  link(used("HDF5_C_COMPILER_EXECUTABLE"), "hdf5/bin/h5pcc");
  auto const has_paraview = fs::exists(used("EDDYLINE_PARAVIEW_HEADERS"));
  if (has_paraview) {
    link(used("EDDYLINE_PARAVIEW_HEADERS"), "paraview/include/paraview-5.11");
    link(used("EDDYLINE_VTK_CommonCore").parent_path(), "paraview/lib");
  }
  auto const outcome =
      outcome_of(concat("cmake -G Ninja -DEDDYLINE_TESTS=OFF -DEDDYLINE_BENCH=OFF -S ",
                        source_folder().string(),
                        " -B ",
                        build.string(),
                        " -DEDDYLINE_TORCH=",
                        EDDYLINE_TORCH_ROOT,
                        " -DEDDYLINE_CATALYST=",
                        has_paraview ? "ON" : "OFF",
                        " -DMPI_HOME=",
                        (site / "mpi").string(),
                        " -DHDF5_ROOT=",
                        (site / "hdf5").string(),
                        " -DParaView_ROOT=",
                        (site / "paraview").string()));
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_EQ(cached(build, "MPI_C_COMPILER"), site / "mpi/bin/mpicc");
  EXPECT_EQ(cached(build, "MPIEXEC_EXECUTABLE"), site / "mpi/bin/mpiexec");
  EXPECT_EQ(cached(build, "HDF5_C_COMPILER_EXECUTABLE"), site / "hdf5/bin/h5pcc");
  if (has_paraview) {
    EXPECT_EQ(cached(build, "EDDYLINE_PARAVIEW_HEADERS"), site / "paraview/include/paraview-5.11");
    EXPECT_EQ(cached(build, "EDDYLINE_VTK_CommonCore").parent_path(), site / "paraview/lib");
  }
}

TEST_F(Build, SaysAnUnprivilegedUserByNameAllThatIsMissing) {
  auto const outcome =
      as_unprivileged(concat("cmake -G Ninja -S ",
                             source_folder().string(),
                             " -B ",
                             scratch_ / "build",
                             " -DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON "
                             "-DCMAKE_DISABLE_FIND_PACKAGE_HDF5=ON "
                             "-DCMAKE_DISABLE_FIND_PACKAGE_spdlog=ON "
                             "-DCMAKE_DISABLE_FIND_PACKAGE_Python3=ON -DEDDYLINE_CATALYST=ON "
                             "-DEDDYLINE_CUDA_HEADERS=/nowhere -DEDDYLINE_NCCL=ON "
                             "-DEDDYLINE_TORCH=/nowhere"));
  EXPECT_EQ(outcome.code, 1);
  for (auto const* name :
       {"LibTorch: -DEDDYLINE_TORCH=<folder>",
        "MPI for C: -DMPI_HOME=<folder>",
        "parallel HDF5 for C: -DHDF5_ROOT=<folder>",
        "spdlog: -Dspdlog_ROOT=<folder>",
        "ParaView 5.11 with headers, and Python's: -DParaView_ROOT=<folder> (Debian: "
        "paraview-dev libpython3-dev), or -DEDDYLINE_CATALYST=OFF",
        "LibTorch with CUDA and NCCL (libtorch_cuda.so): -DEDDYLINE_TORCH=",
        "CUDA's headers (cusolverDn.h, crt/): -DCUDAToolkit_ROOT=<folder>"}) {
    EXPECT_THAT(outcome.text, HasSubstr(name));
  }
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

TEST_F(Build, WithoutInstallingSaysAnUnprivilegedUserWhichProgramsAreMissing) {
  auto const path = scratch_ / "path";
  auto const outcome = as_unprivileged(
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
  auto const page = as_unprivileged(scratch_ / "moved/bin/eddyline report " +
                                    (scratch_ / "scores.json") + " python=" + venv_python());
  EXPECT_EQ(page.code, 0) << page.text;
  EXPECT_THAT(page.text, HasSubstr("report/report.html: 1 run, 0 pictures"));
  auto const ranks = as_unprivileged(scratch_ / "moved/share/eddyline/slurm/mpirun.sh 2 doctor");
  EXPECT_EQ(ranks.code, 0) << ranks.text;
  EXPECT_THAT(ranks.text, HasSubstr("2 on "));
  if (std::filesystem::exists(scratch_ / "moved/lib/libeddyline_paraview.so")) {
    // The program looks beside itself for ParaView's part and for the script.
    auto const shown = as_unprivileged(
        (scratch_ / "moved/bin/eddyline simulate ") +
        "\"settings={cells: [8, 8], frames: 2, final_time: 1}\" train.trajectories=1 "
        "valid.trajectories=0 test.trajectories=0 save.frames=2 catalyst.script=extract out=" +
        (scratch_ / "shown"));
    EXPECT_EQ(shown.code, 0) << shown.text;
    EXPECT_TRUE(std::filesystem::exists(scratch_ / "shown/catalyst/extract_000001.pvti"))
        << shown.text;
  }
}

}  // namespace
}  // namespace eddyline
