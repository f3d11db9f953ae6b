#include "data/formats/suggest.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/formats/registry.hpp"
#include "tests/data/formats/array_fixture.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

/// What the suggested map makes of a file.
std::unique_ptr<Reader> open_suggested(std::filesystem::path const& path,
                                       std::string const& format = "hdf5") {
  auto const map = suggest_map(path);
  try {
    return open_reader(format, {.path = path, .map = map});
  } catch (Error const& error) {
    throw std::runtime_error(std::string(error.what()) + "\nmap:\n" + map);
  }
}

std::string shape_text(Reader const& reader) {
  auto const& spec = reader.spec();
  std::string text = concat(spec.trajectories.size(), "x", spec.trajectories[0].frames());
  for (int i = 3 - spec.grid.dimensions(); i < 3; ++i) {
    text += concat(" ", spec.grid.axis(i).name, spec.grid.axis(i).size());
  }
  for (auto const& name : spec.fields.channel_names()) {
    text += " " + name;
  }
  return text;
}

TEST(SuggestMap, ReadsSamplesTimesAndCoordinates) {
  TemporaryFolder const folder;
  {
    auto const file = Hdf5File::create(folder / "a.h5");
    add_array(file, "u", numbered({6, 7, 8, 9}));
    add_array(file, "t", numbered({7}) * 0.1);
    add_array(file, "x", numbered({8}));
    add_array(file, "y", numbered({9}));
    add_array(file, "mask", numbered({8, 9}));
  }
  auto const reader = open_suggested(folder / "a.h5");
  EXPECT_EQ(shape_text(*reader), "6x7 x8 y9 u");
  EXPECT_TRUE(
      at::equal(read_trajectory(*reader, 5).flatten(), numbered({6, 7, 8, 9})[5].flatten()));
  EXPECT_NEAR(reader->spec().trajectories[0].times[1], 0.1, 1e-7);
  EXPECT_EQ(reader->spec().constants.channel_names(), std::vector<std::string>{"mask"});
}

TEST(SuggestMap, ReadsOneTrajectoryWithComponentsLast) {
  TemporaryFolder const folder;
  {
    auto const file = Hdf5File::create(folder / "a.h5");
    add_array(file, "velocity", numbered({10, 8, 9, 2}));
    add_array(file, "p", numbered({10, 8, 9}));
    add_array(file, "time", numbered({10}));
  }
  auto const reader = open_suggested(folder / "a.h5");
  EXPECT_EQ(shape_text(*reader), "1x10 x8 y9 p velocity_x velocity_y");
  auto const values = read_trajectory(*reader, 0);
  EXPECT_TRUE(
      at::equal(values.select(1, 2).flatten(), numbered({10, 8, 9, 2}).select(3, 1).flatten()));
}

TEST(SuggestMap, ReadsPlainArraysWithoutAnyNames) {
  TemporaryFolder const folder;
  for (auto const& [shape, expected] : std::vector<std::pair<std::vector<int64_t>, std::string>>{
           {{5, 8}, "1x5 x8 u"},
           {{5, 8, 9}, "1x5 x8 y9 u"},
           {{3, 5, 8, 9}, "3x5 x8 y9 u"},
           {{3, 5, 8, 9, 7}, "3x5 x8 y9 z7 u"}}) {
    add_array(Hdf5File::create(folder / "a.h5"), "u", numbered(shape));
    auto const reader = open_suggested(folder / "a.h5");
    EXPECT_EQ(shape_text(*reader), expected);
    auto const whole =
        read_trajectory(*reader, static_cast<int64_t>(reader->spec().trajectories.size()) - 1);
    EXPECT_EQ(whole.flatten()[-1].item<float>(), numbered(shape).flatten()[-1].item<float>());
  }
}

TEST(SuggestMap, ReadsNpyFiles) {
  TemporaryFolder const folder;
  std::filesystem::create_directory(folder / "one");
  std::filesystem::create_directory(folder / "many");
  write_npy(folder / "one" / "u.npy", numbered({5, 8, 9}));
  for (int t = 0; t < 5; ++t) {
    write_npy(folder / "many" / ("u_" + std::to_string(t) + ".npy"), numbered({5, 8, 9})[t]);
  }
  for (auto const& path : {folder / "one" / "u.npy", folder / "many"}) {
    auto const reader = open_suggested(path, "npy");
    EXPECT_EQ(shape_text(*reader), "1x5 x8 y9 u");
    EXPECT_TRUE(at::equal(read_trajectory(*reader, 0).flatten(), numbered({5 * 8 * 9})));
  }
}

TEST(SuggestMap, TakesNumberedFilesWithoutTimesForFrames) {
  TemporaryFolder const folder;
  for (auto const* name : {"frames", "series"}) {
    std::filesystem::create_directory(folder / name);
  }
  for (int i = 0; i < 3; ++i) {
    auto const name = concat("step_", i, ".h5");
    add_array(Hdf5File::create(folder / "frames" / name), "u", numbered({3, 8, 9})[i]);
    auto const series = Hdf5File::create(folder / "series" / name);
    add_array(series, "u", numbered({5, 8}));
    add_array(series, "t", numbered({5}));
  }
  EXPECT_EQ(shape_text(*open_suggested(folder / "frames")), "1x3 x8 y9 u");
  EXPECT_EQ(shape_text(*open_suggested(folder / "series")), "3x5 x8 u");
}

TEST(SuggestMap, TellsWhatItLeavesOutAndWhatIsNothing) {
  TemporaryFolder const folder;
  {
    auto const file = Hdf5File::create(folder / "a.h5");
    add_array(file, "u", numbered({5, 8, 9}));
    add_array(file, "odd", numbered({11}));
    add_array(Hdf5File::create(folder / "b.h5"), "t", numbered({11}));
  }
  EXPECT_NE(suggest_map(folder / "a.h5").find("# left out: /odd (11)"), std::string::npos);
  auto const message = message_of<Error>([&] { suggest_map(folder / "b.h5"); });
  EXPECT_NE(message.find("there is no array with two axes or more"), std::string::npos) << message;
  EXPECT_NE(message.find("while guessing what '"), std::string::npos) << message;
}

std::filesystem::path pdebench(std::string const& name) {
  return source_folder() / "tests/fixtures/formats/pdebench" / name;
}

TEST(SuggestMap, ReadsEveryLayoutOfPdebench) {
  std::vector<std::pair<std::string, std::string>> const files = {
      {"1D_Burgers_Sols_Nu0.01.hdf5", "8x21 x64 tensor"},
      {"1D_diff-sorp_NA_NA.h5", ""},
      {"2D_CFD_Rand_M0.1_Eta0.01_Zeta0.01_periodic_128_Train.hdf5",
       "3x6 x20 y16 Vx Vy density pressure"},
      {"2D_DarcyFlow_beta1.0_Train.hdf5", ""},
      {"2D_diff-react_NA_NA.h5", "4x11 y16 x20 data_y data_x"},
      {"2D_rdb_NA_NA.h5", "25x11 x20 y16 data"},
      {"3D_CFD_Rand_M1.0_Eta1e-08_Zeta1e-08_periodic_Train.hdf5",
       "3x4 x12 y10 z8 Vx Vy Vz density pressure"},
      {"ns_incom_inhom_2d_512-0.h5", ""}};
  for (auto const& [name, expected] : files) {
    auto const reader = open_suggested(pdebench(name));
    if (!expected.empty()) {
      EXPECT_EQ(shape_text(*reader), expected) << suggest_map(pdebench(name));
    }
    EXPECT_FALSE(at::isnan(read_trajectory(*reader, 0)).any().item<bool>()) << name;
  }
}

TEST(SuggestMap, FindsTheValuesThatPdebenchFilesHold) {
  // density = base 10, weights sample 1, time 0.1, x 1e-2, y 1e-3 (fixtures' README)
  auto const reader =
      open_suggested(pdebench("2D_CFD_Rand_M0.1_Eta0.01_Zeta0.01_periodic_128_Train.hdf5"));
  auto const channel = reader->spec().fields.channels_of({"density"})[0];
  auto const values = read_trajectory(*reader, 2);
  EXPECT_FLOAT_EQ(values[3][channel][0][4][5].item<float>(), 10 + 2 + 0.3F + 0.04F + 0.005F);
}

}  // namespace
}  // namespace eddyline
