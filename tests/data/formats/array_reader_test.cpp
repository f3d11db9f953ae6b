#include "data/formats/array_reader.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/formats/registry.hpp"
#include "tests/data/formats/array_fixture.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

std::string const kMap = R"(
axes: [sample, time, x, y, component]
fields:
  - {name: p, data: /p, units: Pa}
  - {name: v, data: /v, components: [x, y]}
constants:
  - {name: mask, data: /mask}
time: {data: /t, unit: s}
coordinates:
  x: {data: /x, boundaries: [periodic]}
  y: {start: 1, step: 0.5, boundaries: [wall, open]}
splits: {train: [0, 1], test: [1, 2]}
)";

/// p (2, 3, 4, 5), v the same with 2 components, mask (4, 5), t (3 + 1), x (4).
void write_flow(std::filesystem::path const& path) {
  auto const file = Hdf5File::create(path);
  add_array(file, "p", numbered({2, 3, 4, 5}));
  add_array(file, "v", numbered({2, 3, 4, 5, 2}));
  add_array(file, "mask", numbered({4, 5}, at::kByte));
  add_array(file, "t", at::tensor({0.0, 0.5, 1.0, 1.5}, at::kDouble));
  add_array(file, "x", numbered({4}) * 0.25);
}

TEST(ArrayReader, ReadsHdf5AsTheMapSays) {
  TemporaryFolder const folder;
  write_flow(folder / "a.h5");
  auto const reader = open_reader("hdf5", {.path = folder / "a.h5", .map = kMap});
  auto const& spec = reader->spec();
  EXPECT_EQ(spec.fields.channel_names(), (std::vector<std::string>{"p", "v_x", "v_y"}));
  EXPECT_EQ(spec.fields.fields()[1].order, 1);
  EXPECT_EQ(spec.time_unit, "s");
  ASSERT_EQ(spec.trajectories.size(), 2U);
  EXPECT_EQ(spec.trajectories[1].times,
            (std::vector<double>{0, 0.5, 1}));  // the entry too many is left out
  EXPECT_EQ(spec.trajectories[1].source, "a.h5, sample 1");
  EXPECT_TRUE(spec.grid.axis(1).is_periodic());
  EXPECT_EQ(spec.grid.axis(2).boundaries, (std::array{Boundary::wall, Boundary::open}));
  EXPECT_EQ(spec.grid.axis(1).coordinates, (std::vector<double>{0, 0.25, 0.5, 0.75}));
  EXPECT_EQ(spec.grid.axis(2).coordinates.back(), 3);
  auto const values = read_trajectory(*reader, 1);
  EXPECT_TRUE(at::equal(values.select(1, 0).squeeze(1), numbered({2, 3, 4, 5})[1]));
  EXPECT_TRUE(at::equal(values.narrow(1, 1, 2).squeeze(2),
                        numbered({2, 3, 4, 5, 2})[1].permute({0, 3, 1, 2})));
  EXPECT_TRUE(at::equal(reader->read_constants(0, {.size = {1, 4, 5}}).flatten(), numbered({20})));
}

TEST(ArrayReader, ReadsOnlyTheBoxAndTheAskedFrames) {
  TemporaryFolder const folder;
  write_flow(folder / "a.h5");
  auto const reader = open_reader("hdf5", {.path = folder / "a.h5", .fields = {"p"}, .map = kMap});
  auto const values = read_frames(*reader,
                                  {.trajectory = 0, .first = 0, .count = 2, .stride = 2},
                                  {.first = {0, 1, 2}, .size = {1, 2, 3}});
  auto const expected = numbered({2, 3, 4, 5})[0].slice(0, 0, 3, 2).narrow(1, 1, 2).narrow(2, 2, 3);
  EXPECT_TRUE(at::equal(values.squeeze(1).squeeze(1), expected));
  EXPECT_EQ(reader->bytes_read(), 2 * 2 * 3 * 4);
}

TEST(ArrayReader, GivesTheSplitsOfTheMap) {
  TemporaryFolder const folder;
  write_flow(folder / "a.h5");
  auto const reader = open_reader("hdf5", {.path = folder / "a.h5", .split = "test", .map = kMap});
  ASSERT_EQ(reader->spec().trajectories.size(), 1U);
  EXPECT_TRUE(
      at::equal(read_trajectory(*reader, 0).select(1, 0).squeeze(1), numbered({2, 3, 4, 5})[1]));
  auto const message = message_of<Error>(
      [&] { open_reader("hdf5", {.path = folder / "a.h5", .split = "valid", .map = kMap}); });
  EXPECT_NE(message.find("data.map has no split 'valid'"), std::string::npos) << message;
}

TEST(ArrayReader, TurnsArraysWithOtherOrdersOfAxesIntoTheMaps) {
  TemporaryFolder const folder;
  {
    auto const file = Hdf5File::create(folder / "a.h5");
    add_array(file, "u", numbered({3, 4, 5}));
    add_array(file, "w", numbered({3, 4, 5}).permute({2, 0, 1}));  // (y, time, x)
  }
  auto const reader = open_reader("hdf5", {.path = folder / "a.h5", .map = R"(
axes: [time, x, y]
fields: [{name: u, data: /u}, {name: w, data: /w, axes: [y, time, x]}]
)"});
  auto const values = read_trajectory(*reader, 0);
  EXPECT_TRUE(at::equal(values.select(1, 0), values.select(1, 1)));
}

TEST(ArrayReader, ScalesStoredIntegersAndMarksMissingOnes) {
  TemporaryFolder const folder;
  {
    auto const file = Hdf5File::create(folder / "a.h5");
    add_array(file, "u", at::tensor({1, 2, -9, 4}, at::kShort).reshape({2, 2}));
  }
  auto const reader = open_reader("hdf5", {.path = folder / "a.h5", .map = R"(
axes: [time, x]
fields: [{name: u, data: u, scale: 0.5, offset: 10, missing: -9}]
time: {step: 0.1, unit: s}
)"});
  auto const values = read_trajectory(*reader, 0).flatten();
  EXPECT_EQ(values[0].item<float>(), 10.5F);
  EXPECT_TRUE(std::isnan(values[2].item<float>()));
  EXPECT_EQ(values[3].item<float>(), 12);
  EXPECT_DOUBLE_EQ(reader->spec().trajectories[0].times[1], 0.1);
}

TEST(ArrayReader, ReadsOneFileATrajectoryAndOneFileAFrame) {
  TemporaryFolder const folder;
  auto const all = numbered({2, 3, 4});
  for (int run = 0; run < 2; ++run) {
    auto const name = "run_" + std::to_string(run);
    add_array(Hdf5File::create(folder / (name + ".h5")), "u", all[run]);
    std::filesystem::create_directory(folder / name);
    for (int t = 0; t < 3; ++t) {
      auto const file = Hdf5File::create(folder / name / ("step_" + std::to_string(t) + ".h5"));
      add_array(file, "u", all[run][t]);
      add_array(file, "time", at::full({1}, 0.5 * t));
    }
  }
  auto const runs =
      open_reader("hdf5",
                  {.path = folder.path(),
                   .map = "axes: [time, x]\nfields: [{name: u, data: u}]\nfiles: \"run_*.h5\""});
  auto const steps = open_reader("hdf5", {.path = folder.path(), .map = R"(
axes: [x]
fields: [{name: u, data: u}]
files: "run_*/step_*.h5"
file_holds: frame
time: {data: time, unit: s}
)"});
  for (auto* reader : {runs.get(), steps.get()}) {
    ASSERT_EQ(reader->spec().trajectories.size(), 2U);
    EXPECT_TRUE(at::equal(read_trajectory(*reader, 1).flatten(), all[1].flatten()));
  }
  EXPECT_EQ(steps->spec().trajectories[0].times, (std::vector<double>{0, 0.5, 1}));
  auto const two = read_frames(
      *steps, {.trajectory = 1, .first = 0, .count = 2, .stride = 2}, {.size = {1, 1, 4}});
  EXPECT_TRUE(at::equal(two.flatten(), at::cat({all[1][0], all[1][2]})));
}

TEST(ArrayReader, ReadsAGroupATrajectory) {
  TemporaryFolder const folder;
  auto const all = numbered({3, 2, 4});
  {
    auto const file = Hdf5File::create(folder / "a.h5");
    for (int i = 0; i < 3; ++i) {
      add_array(file, "seed_" + std::to_string(i) + "/u", all[i]);
    }
  }
  auto const reader =
      open_reader("hdf5",
                  {.path = folder / "a.h5",
                   .map = "axes: [time, x]\nfields: [{name: u, data: \"/seed_*/u\"}]"});
  ASSERT_EQ(reader->spec().trajectories.size(), 3U);
  EXPECT_EQ(reader->spec().trajectories[2].source, "a.h5, group 2");
  EXPECT_TRUE(at::equal(read_trajectory(*reader, 2).flatten(), all[2].flatten()));
}

TEST(ArrayReader, ReadsNpyFilesOneForAllAndOneATimeStep) {
  TemporaryFolder const folder;
  auto const all = numbered({3, 4, 5});
  write_npy(folder / "all.npy", all);
  write_npy(folder / "mask.npy", numbered({4, 5}));
  for (int t = 0; t < 3; ++t) {
    write_npy(folder / ("u_" + std::to_string(t) + ".npy"), all[t]);
  }
  auto const one = open_reader("npy", {.path = folder / "all.npy", .map = R"(
axes: [time, y, x]
fields: [{name: u, data: all.npy}]
constants: [{name: mask, data: mask.npy}]
)"});
  auto const many = open_reader("npy", {.path = folder.path(), .map = R"(
axes: [y, x]
fields: [{name: u, data: "u_*.npy"}]
constants: [{name: mask, data: mask.npy}]
file_holds: frame
)"});
  for (auto* reader : {one.get(), many.get()}) {
    EXPECT_TRUE(at::equal(read_trajectory(*reader, 0).flatten(), all.flatten()));
    EXPECT_TRUE(
        at::equal(reader->read_constants(0, {.size = {1, 4, 5}}).flatten(), numbered({20})));
  }
}

TEST(ArrayReader, SaysWhereMapAndFileDiffer) {
  TemporaryFolder const folder;
  write_flow(folder / "a.h5");
  auto const refusal = [&](std::string const& map) {
    return message_of<Error>([&] { open_reader("hdf5", {.path = folder / "a.h5", .map = map}); });
  };
  auto const has = [](std::string const& text, std::string const& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  has(refusal("axes: [time, x, y]\nfields: [{name: p, data: /p}]"),
      "it has 4 dimensions, data.map gives it 3");
  has(refusal("axes: [time, x, y]\nfields: [{name: p, data: /p}]"), "fitting '/p' of '");
  has(refusal("axes: [sample, time, x, y]\nfields: [{name: p, data: /q}]"), "q");
  has(refusal("axes: [sample, time, x, y, component]\nfields: [{name: v, data: /v, components: [a, "
              "b, c]}]"),
      "its axis component has 2 entries, data.map names 3");
  has(refusal("axes: [sample, time, x, y]\nfields: [{name: p, data: /p}]\ntime: {data: "
              "/x}\nconstants: [{name: m, data: /x}]"),
      "'/x'");
  has(refusal("axes: [sample, time, x, y]\nfields: [{name: p, data: /p}]\ncoordinates: {y: {data: "
              "/t}}"),
      "coordinates of axis 'y' (/t) have 4 values; the axis has 5 cells");
  auto const none = message_of<Error>([&] { open_reader("hdf5", {.path = folder / "a.h5"}); });
  has(none, "own arrays need data.map");
  has(none, "axes: [sample, time, x, y, component]");  // and prints a start
  auto const unknown = message_of<Error>(
      [&] { open_reader("hdf5", {.path = folder / "a.h5", .fields = {"q"}, .map = kMap}); });
  has(unknown, "data.map has no field 'q'");
}

}  // namespace
}  // namespace eddyline
