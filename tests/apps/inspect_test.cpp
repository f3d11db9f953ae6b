#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "apps/verbs.hpp"
#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string fixture(std::string const& name) {
  return EDDYLINE_SOURCE_DIR "/tests/fixtures/" + name;
}

/// What the verb prints (on the root rank).
std::string printed(std::vector<std::string> const& arguments) {
  testing::internal::CaptureStdout();
  run_inspect(arguments, Communicator::self());
  return testing::internal::GetCapturedStdout();
}

std::string error_of(std::vector<std::string> const& arguments) {
  try {
    printed(arguments);
  } catch (Error const& error) {
    testing::internal::GetCapturedStdout();
    EXPECT_EQ(error.code(), ExitCode::user);
    return error.what();
  }
  return "no error";
}

class Inspect : public testing::Test {
 protected:
  Inspect()
      : folder_(std::filesystem::temp_directory_path() / concat("eddyline-inspect-", getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~Inspect() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(Inspect, TellsEveryKindOfData) {
  EXPECT_THAT(printed({fixture("formats/well/planetswe_mini")}),
              HasSubstr("height, velocity (theta, phi); 3 channels"));
  EXPECT_THAT(printed({fixture("formats/pdebench/2D_diff-react_NA_NA.h5")}),
              HasSubstr("format: pdebench"));
}

TEST_F(Inspect, TellsSeveralFilesAtOnce) {
  auto const text = printed({fixture("formats/well/box3d_mini"),
                             fixture("formats/pdebench/1D_Burgers_Sols_Nu0.01.hdf5")});
  EXPECT_THAT(text, HasSubstr("magnetic_field (x, y, z)"));
  EXPECT_THAT(text, HasSubstr("1D_Burgers_Sols_Nu0.01"));
}

TEST_F(Inspect, TellsAPytorchCheckpoint) {
  EXPECT_THAT(printed({fixture("morph/scalar2d_ar1.pt")}), HasSubstr("PyTorch"));
}

TEST_F(Inspect, PrintsAConfigurationForArraysOfOnesOwn) {
  auto const text = printed({"--suggest", fixture("formats/pdebench/1D_Burgers_Sols_Nu0.01.hdf5")});
  EXPECT_THAT(text, HasSubstr("tensor"));
  EXPECT_THAT(text, HasSubstr("data:\n  path: "));
  EXPECT_THAT(text, HasSubstr("  map:\n    # guessed from names and shapes"));
  EXPECT_THAT(text, HasSubstr("by: trajectories"));
}

TEST_F(Inspect, RefusesWhatIsTruncatedTextOrUnknown) {
  auto const source = fixture("formats/well/box3d_mini/data/train/box3d_Ma_0.7_Ms_2.hdf5");
  std::filesystem::copy_file(source, folder_ / "cut.hdf5");
  std::filesystem::resize_file(folder_ / "cut.hdf5", std::filesystem::file_size(source) / 3);
  std::ofstream(folder_ / "text.h5") << "x, y\n";
  std::ofstream(folder_ / "empty.h5");
  std::ofstream(folder_ / "what.bin") << "what";
  EXPECT_THAT(error_of({(folder_ / "cut.hdf5").string()}), HasSubstr("is truncated"));
  EXPECT_THAT(error_of({(folder_ / "text.h5").string()}), HasSubstr("is not an HDF5 file"));
  EXPECT_THAT(error_of({(folder_ / "empty.h5").string()}), HasSubstr("is empty (0 bytes)"));
  EXPECT_THAT(error_of({(folder_ / "what.bin").string()}),
              HasSubstr("is in no format that is recognised"));
  EXPECT_THAT(error_of({(folder_ / "none.h5").string()}), HasSubstr("there is no file"));
}

TEST_F(Inspect, AsksForAPath) {
  EXPECT_THAT(error_of({}), HasSubstr("inspect takes files or folders"));
}

}  // namespace
}  // namespace eddyline
