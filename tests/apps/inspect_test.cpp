#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "apps/verbs.hpp"
#include "core/error.hpp"
#include "data/formats/registry.hpp"
#include "data/sinks/rollout_sink.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "tests/data/formats/array_fixture.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string fixture(std::string const& name) {
  return source_file("tests/fixtures/") + name;
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

TEST_F(Inspect, TellsCfNetcdf) {
  {
    NetcdfWriter out(folder_ / "weather.nc", NC_NETCDF4);
    int const time = out.dimension("time", 3);
    int const lat = out.dimension("lat", 2);
    int const lon = out.dimension("lon", 4);
    int const times = out.coordinate("time", time, "hours since 2019-03-01");
    int const lats = out.coordinate("lat", lat, "degrees_north");
    int const lons = out.coordinate("lon", lon, "degrees_east");
    int const t2m = out.variable("t2m", NC_FLOAT, {time, lat, lon});
    out.text(t2m, "units", "K");
    out.put(times, count_from(0, 6, 3));
    out.put(lats, {45, 40});
    out.put(lons, {0, 1, 2, 3});
    out.put(t2m, count_from(270, 0.1, 24));
  }
  auto const text = printed({(folder_ / "weather.nc").string()});
  EXPECT_THAT(text, HasSubstr("netCDF-4"));
  EXPECT_THAT(text, HasSubstr("t2m [K]"));
  EXPECT_THAT(text, HasSubstr("3 frames, 0 … 12 h, every 6"));
  EXPECT_THAT(text, HasSubstr("format: netcdf"));
}

TEST_F(Inspect, TellsNetcdfOnACurvilinearGridAndWhyItCannotBeTrainedOn) {
  {
    NetcdfWriter out(folder_ / "curved.nc", 0);
    int const time = out.dimension("time", 2);
    int const y = out.dimension("y", 3);
    int const x = out.dimension("x", 4);
    int const t = out.variable("temp", NC_FLOAT, {time, y, x});
    out.text(t, "coordinates", "nav_lat nav_lon");
    out.text(out.variable("nav_lat", NC_FLOAT, {y, x}), "units", "degrees_north");
    out.text(out.variable("nav_lon", NC_FLOAT, {y, x}), "units", "degrees_east");
    out.put(t, count_from(0, 1, 24));
  }
  auto const text = printed({(folder_ / "curved.nc").string()});
  EXPECT_THAT(text, HasSubstr("variable temp (time, y, x); not for training"));
  EXPECT_THAT(text, HasSubstr("it cannot be trained on: "));
  EXPECT_THAT(text, HasSubstr("is on a curvilinear grid"));
}

TEST_F(Inspect, TellsARolloutWithAllItsFiles) {
  RolloutDescription description{.name = "waves", .made_by = "morph", .time_unit = "s"};
  description.fields = FieldSet({Field{.name = "u", .units = "K"}});
  description.grid = Grid({Axis{.name = "x", .coordinates = {0, 1, 2, 3}}});
  description.trajectories.push_back({"seed 1", {}});
  RolloutFolder const files(folder_ / "rollout");
  files.describe(description);
  EXPECT_THAT(error_of({(folder_ / "rollout").string()}), HasSubstr("has no frame yet"));
  RolloutSink sink(files, description, {0, 1});
  sink.write(0, {at::zeros({1, 1, 1, 1, 4}), 0.0, nullptr});
  sink.write(1, {at::zeros({1, 1, 1, 1, 4}), 0.5, nullptr});
  sink.close_segment({1, at::zeros({1, 1, 1, 1, 1, 4}), {0.5}, {}});
  auto const text = printed({(folder_ / "rollout").string()});
  EXPECT_THAT(text, HasSubstr("made by morph"));
  EXPECT_THAT(text, HasSubstr("2 frames, 0 … 0.5 s, every 0.5"));
  EXPECT_THAT(text, HasSubstr("1 trajectory in 2 files")) << "rollout.h5 and its segment";
}

TEST_F(Inspect, TellsArraysOfOnesOwnWithAMapForThem) {
  add_array(Hdf5File::create(folder_ / "own.h5"), "u", numbered({5, 8, 9}));
  write_npy(folder_ / "own.npy", numbered({5, 8, 9}));
  for (auto const* name : {"own.h5", "own.npy"}) {
    auto const text = printed({(folder_ / name).string()});
    EXPECT_THAT(text, HasSubstr(" of your own, said by a map")) << name;
    EXPECT_THAT(text, HasSubstr("axes: [time, x, y]")) << name;
  }
}

TEST_F(Inspect, TellsACheckpointOfThisProgram) {
  NativeCheckpoint checkpoint{.tensors = {{"model/layer.weight", at::zeros({3, 5})}}};
  checkpoint.facts["model"] = {{"surrogate", "morph"}, {"config", "dim: 16\n"}};
  write_native(folder_ / "last.h5", checkpoint);
  auto const text = printed({(folder_ / "last.h5").string()});
  EXPECT_THAT(text, HasSubstr("checkpoint of Eddyline: "));
  EXPECT_THAT(text, HasSubstr("network: morph\n  dim: 16\n"));
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

TEST_F(Inspect, ListsTheFormatsInItsHelp) {
  auto const text = printed({"--help"});
  for (auto const& entry : format_registry()) {
    EXPECT_THAT(text, HasSubstr("  " + entry.name + ": " + entry.summary));
  }
}

TEST_F(Inspect, AsksForAPath) {
  EXPECT_THAT(error_of({}), HasSubstr("inspect takes files or folders"));
}

}  // namespace
}  // namespace eddyline
