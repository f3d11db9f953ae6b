#include "data/formats/well_reader.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "data/formats/well_statistics.hpp"
#include "tests/data/formats/upstream.hpp"

namespace eddyline {
namespace {

struct Mode {
  char const* name;
  int64_t inputs;
  int64_t outputs;
  int64_t stride;
  enum class Scaling { none, zscore, rms } scaling = Scaling::none;
  bool whole = false;
};

constexpr std::array<Mode, 5> kModes = {{{"raw", 2, 1, 1},
                                         {"stride2", 2, 1, 2},
                                         {"zscore", 2, 1, 1, Mode::Scaling::zscore},
                                         {"rms", 1, 2, 1, Mode::Scaling::rms},
                                         {"full", 2, 0, 1, Mode::Scaling::none, true}}};

/// Window arithmetic as The Well's loader has it (length, then sample number → first frame).
struct Windows {
  Mode mode;
  std::vector<std::pair<int64_t, int64_t>> starts;  // trajectory, first frame

  Windows(Reader const& reader, Mode chosen) : mode(chosen) {
    auto const& trajectories = reader.spec().trajectories;
    if (mode.whole) {
      auto shortest = trajectories[0].frames();
      for (auto const& one : trajectories) {
        shortest = std::min(shortest, one.frames());
      }
      mode.outputs = shortest - mode.inputs;
    }
    auto const need = 1 + mode.stride * (mode.inputs + mode.outputs - 1);
    for (size_t i = 0; i < trajectories.size(); ++i) {
      for (int64_t first = 0; first + need <= trajectories[i].frames(); ++first) {
        starts.emplace_back(static_cast<int64_t>(i), first);
      }
    }
  }
};

/// z-score or rms scaling of (T, C, D, H, W) by stats.yaml; scales below 1e-4 count as 1e-4.
at::Tensor scaled(at::Tensor const& values,
                  FieldSet const& fields,
                  std::filesystem::path const& root,
                  Mode::Scaling scaling) {
  if (scaling == Mode::Scaling::none) {
    return values;
  }
  auto const statistics = read_well_statistics(root / "stats.yaml");
  auto const channels = [&](WellStatistics::Moments const& moments) {
    return at::tensor(WellStatistics::of_channels(moments, fields), at::kDouble)
        .to(at::kFloat)
        .view({1, -1, 1, 1, 1});
  };
  bool const by_rms = scaling == Mode::Scaling::rms;
  auto const scale = channels(by_rms ? statistics.rms : statistics.std).clamp_min(1e-4);
  return by_rms ? values / scale : (values - channels(statistics.mean)) / scale;
}

at::Tensor space_grid(Grid const& grid) {
  std::vector<at::Tensor> axes;
  for (int i = 3 - grid.dimensions(); i < 3; ++i) {
    axes.push_back(at::tensor(grid.axis(i).coordinates, at::kDouble));
  }
  return at::stack(at::meshgrid(axes, "ij"), -1);
}

at::Tensor boundary_tensor(Grid const& grid) {
  auto out = at::empty({grid.dimensions(), 2}, at::kFloat);
  for (int i = 0; i < grid.dimensions(); ++i) {
    for (size_t end = 0; end < 2; ++end) {
      out[i][static_cast<int64_t>(end)] =
          static_cast<int>(grid.axis(3 - grid.dimensions() + i).boundaries[end]);
    }
  }
  return out;
}

/// Times of frames since the first of the window, as float32 as the file holds them.
at::Tensor time_grid(TrajectorySpec const& trajectory, FrameRange const& frames, int64_t origin) {
  std::vector<float> times;
  for (int64_t i = 0; i < frames.count; ++i) {
    times.push_back(static_cast<float>(
                        trajectory.times[static_cast<size_t>(frames.first + i * frames.stride)]) -
                    static_cast<float>(trajectory.times[static_cast<size_t>(origin)]));
  }
  return at::tensor(times);
}

/// Columns of a (count, S) table: those constant in a trajectory, or the others.
at::Tensor columns(at::Tensor const& scalars, Reader const& reader, bool constant) {
  std::vector<int64_t> chosen;
  auto const& parameters = reader.spec().trajectories[0].parameters;
  for (size_t i = 0; i < reader.spec().scalars.size(); ++i) {
    if (parameters.contains(reader.spec().scalars[i]) == constant) {
      chosen.push_back(static_cast<int64_t>(i));
    }
  }
  return scalars.index_select(1, at::tensor(chosen, at::kLong));
}

void check_sample(Reader& reader,
                  Windows const& windows,
                  int64_t number,
                  nlohmann::json const& expected,
                  std::filesystem::path const& root) {
  auto const [trajectory, first] = windows.starts[static_cast<size_t>(number)];
  auto const& mode = windows.mode;
  auto const& spec = reader.spec();
  FrameRange const input{
      .trajectory = trajectory, .first = first, .count = mode.inputs, .stride = mode.stride};
  FrameRange const output{.trajectory = trajectory,
                          .first = first + mode.inputs * mode.stride,
                          .count = mode.outputs,
                          .stride = mode.stride};
  auto const where = concat(root.string(), " ", mode.name, " sample ", number, " ");
  auto const fields = [&](FrameRange const& frames) {
    return channels_last(scaled(read_frames(reader, frames), spec.fields, root, mode.scaling),
                         spec.grid);
  };
  auto const& series = spec.trajectories[static_cast<size_t>(trajectory)];
  std::map<std::string, at::Tensor> found = {
      {"input_fields", fields(input)},
      {"output_fields", fields(output)},
      {"space_grid", space_grid(spec.grid)},
      {"boundary_conditions", boundary_tensor(spec.grid)},
      {"input_time_grid", time_grid(series, input, first)},
      {"output_time_grid", time_grid(series, output, first)}};
  if (!spec.scalars.empty()) {
    found["constant_scalars"] = columns(reader.read_scalars(input), reader, true)[0];
    found["input_scalars"] = columns(reader.read_scalars(input), reader, false);
    found["output_scalars"] = columns(reader.read_scalars(output), reader, false);
  }
  if (!spec.constants.empty()) {
    auto const all =
        reader.read_constants(trajectory, {.first = {0, 0, 0}, .size = spec.grid.shape()});
    found["constant_fields"] =
        channels_last(scaled(all.unsqueeze(0), spec.constants, root, mode.scaling), spec.grid)[0];
  }
  for (auto const& [name, values] : expected.items()) {
    ASSERT_TRUE(found.contains(name)) << where << name;
    expect_like(found[name], values, where + name);
  }
}

TEST(WellReader, AgreesWithUpstreamsLoaderInAllItsModesOnOneRank) {
  auto const all = read_expected("expected_well_dataset.json");
  int64_t samples = 0;
  for (auto const& [key, expected] : all.items()) {
    auto const folder = key.substr(0, key.find('/'));
    auto const split = key.substr(folder.size() + 1, key.rfind('/') - folder.size() - 1);
    auto const root = format_fixtures() / "well" / folder;
    auto const mode = *std::find_if(
        kModes.begin(), kModes.end(), [&](Mode const& one) { return key.ends_with(one.name); });
    auto const reader = open_reader("auto", {.path = root, .split = split});
    Windows const windows(*reader, mode);
    EXPECT_EQ(static_cast<int64_t>(windows.starts.size()), expected["len"].get<int64_t>()) << key;
    EXPECT_EQ(windows.mode.outputs, expected["n_steps_output"].get<int64_t>()) << key;
    std::vector<std::string> names;
    for (auto const* order : {"0", "1", "2"}) {
      for (auto const& name : expected["field_names"][order]) {
        names.push_back(name);
      }
    }
    EXPECT_EQ(reader->spec().fields.channel_names(), names) << key;
    std::vector<std::string> files;
    for (auto const& file : reader->spec().files) {
      files.push_back(std::filesystem::path(file).filename().string());
    }
    EXPECT_EQ(files, expected["files"].get<std::vector<std::string>>()) << key;
    for (auto const& [name, sample] : expected.items()) {
      if (name.starts_with("sample_")) {
        check_sample(*reader, windows, std::stoll(name.substr(7)), sample, root);
        ++samples;
      }
    }
  }
  EXPECT_EQ(samples, 55);  // first, middle and last of 20 folders and modes, where they differ
}

/// base + Σ weight · index on (T, D, H, W), in float64, rounded to float32: how the files were
/// made.
at::Tensor index_coded(double base,
                       int64_t sample,
                       std::array<int64_t, 4> shape,
                       std::array<double, 5> weights) {
  auto out = at::full({shape[0], shape[1], shape[2], shape[3]}, base, at::kDouble) +
             weights[0] * static_cast<double>(sample);
  for (int64_t a = 0; a < 4; ++a) {
    std::vector<int64_t> view(4, 1);
    view[static_cast<size_t>(a)] = -1;
    out = out + weights[static_cast<size_t>(a) + 1] *
                    at::arange(shape[static_cast<size_t>(a)], at::kDouble).view(view);
  }
  return out.to(at::kFloat);
}

TEST(WellReader, ReadsEveryElementOfABoxInItsPlace) {
  auto const reader =
      open_reader("well", {.path = format_fixtures() / "well/box3d_mini", .split = "train"});
  Box const box{.first = {3, 2, 1}, .size = {7, 5, 4}};
  auto const out = at::full({2, 7, 7, 5, 4}, NAN, at::kFloat);
  for (int64_t sample = 0; sample < 2; ++sample) {
    reader->read({.trajectory = sample, .first = 1, .count = 2, .stride = 3}, box, out);
    for (int64_t channel = 0; channel < 7; ++channel) {
      auto const base = channel == 0  ? 1.0
                        : channel < 4 ? -static_cast<double>(channel)
                                      : static_cast<double>(channel - 3);
      auto const whole = index_coded(base, sample, {5, 12, 10, 8}, {1, .1, 1e-2, 1e-3, 1e-4});
      auto const expected = whole.slice(0, 1, 5, 3).slice(1, 3, 10).slice(2, 2, 7).slice(3, 1, 5);
      EXPECT_TRUE(at::equal(out.select(1, channel), expected))
          << "sample " << sample << " channel " << channel;
    }
    auto const mask = index_coded(0, 0, {1, 12, 10, 8}, {0, 0, 1e-2, 1e-3, 1e-4})[0];
    EXPECT_TRUE(at::equal(reader->read_constants(sample, box)[0],
                          mask.slice(0, 3, 10).slice(1, 2, 7).slice(2, 1, 5)));
  }
}

TEST(WellReader, CountsTheBytesOfTheBoxOnly) {
  auto const reader =
      open_reader("well", {.path = format_fixtures() / "well/box3d_mini", .split = "train"});
  EXPECT_EQ(reader->bytes_read(), 0);
  auto const out = at::empty({2, 7, 6, 10, 8}, at::kFloat);
  reader->read({.first = 0, .count = 2}, {.first = {6, 0, 0}, .size = {6, 10, 8}}, out);
  EXPECT_EQ(reader->bytes_read(), out.numel() * 4);
}

TEST(WellReader, RepeatsFieldsAlongAxesTheyDoNotVaryOn) {
  auto const reader = open_reader(
      "auto", {.path = format_fixtures() / "well/box3d_broadcast_mini", .split = "train"});
  auto const values = read_frames(*reader, {.trajectory = 1, .first = 0, .count = 4});
  EXPECT_TRUE(
      at::equal(values.select(1, 0), index_coded(1, 1, {4, 6, 5, 4}, {1, .1, 1e-2, 1e-3, 1e-4})));
  EXPECT_TRUE(at::equal(values.select(1, 1), index_coded(5, 1, {4, 6, 5, 4}, {1, .1, 0, 0, .01})));
  auto const part = at::empty({1, 2, 2, 1, 3}, at::kFloat);
  reader->read({.trajectory = 1, .first = 2}, {.first = {1, 4, 1}, .size = {2, 1, 3}}, part);
  EXPECT_TRUE(at::equal(part, values.slice(0, 2, 3).slice(2, 1, 3).slice(3, 4, 5).slice(4, 1, 4)));
}

TEST(WellReader, TakesTheTimesOfEachSample) {
  auto const reader =
      open_reader("well", {.path = format_fixtures() / "well/box3d_mini", .split = "train"});
  EXPECT_EQ(reader->spec().trajectories[0].times[1], static_cast<double>(0.01F));
  EXPECT_EQ(reader->spec().trajectories[1].times[1], static_cast<double>(1.02F));
}

TEST(WellReader, GivesScalarsThatVaryInTimeOrBySample) {
  auto const reader =
      open_reader("well", {.path = format_fixtures() / "well/box3d_mini", .split = "train"});
  EXPECT_EQ(reader->spec().scalars, (std::vector<std::string>{"Ma", "Ms", "drive", "seed"}));
  auto const scalars = reader->read_scalars({.trajectory = 1, .first = 1, .count = 2, .stride = 2});
  EXPECT_TRUE(at::equal(
      scalars, at::tensor({0.7F, 2.0F, 0.25F, 1.0F, 0.7F, 2.0F, 0.75F, 1.0F}).view({2, 4})));
  EXPECT_EQ(reader->spec().trajectories[1].parameters.at("seed"), 1);
}

TEST(WellReader, ReadsTheFieldsAskedForInTheirOrder) {
  auto const path = format_fixtures() / "well/box3d_mini";
  auto const all = open_reader("well", {.path = path, .split = "train"});
  auto const some =
      open_reader("well", {.path = path, .split = "train", .fields = {"velocity", "density"}});
  EXPECT_EQ(some->spec().fields.channel_names(),
            (std::vector<std::string>{"velocity_x", "velocity_y", "velocity_z", "density"}));
  auto const expected = read_frames(*all, {}).index_select(1, at::tensor({4, 5, 6, 0}));
  EXPECT_TRUE(at::equal(read_frames(*some, {}), expected));
  EXPECT_THAT(error_of([&] {
                open_reader("well", {.path = path, .split = "train", .fields = {"densty"}});
              }),
              testing::HasSubstr("there is no field 'densty'; did you mean 'density'"));
}

TEST(WellReader, KnowsAxesGeometryAndSplits) {
  auto const path = format_fixtures() / "well/planetswe_mini";
  EXPECT_EQ(well_format().own_splits({.path = path}), (std::vector<std::string>{"train", "test"}));
  auto const reader = open_reader("auto", {.path = path, .split = "all"});
  auto const& grid = reader->spec().grid;
  EXPECT_EQ(reader->spec().trajectories.size(), 3U);
  EXPECT_EQ(grid.geometry(), Geometry::spherical);
  EXPECT_EQ(grid.axis(1).name, "theta");
  EXPECT_EQ(grid.axis(2).name, "phi");
  EXPECT_TRUE(grid.axis(2).is_periodic());
  EXPECT_GT(grid.axis(1).coordinates.front(), grid.axis(1).coordinates.back());
}

TEST(WellReader, OpensAFolderOfASplitAndASingleFile) {
  auto const folder = format_fixtures() / "well/active_matter_mini/data/train";
  EXPECT_EQ(open_reader("auto", {.path = folder})->spec().trajectories.size(), 3U);
  auto const file = folder / "active_matter_L_10.0_zeta_3.0_alpha_-1.0.hdf5";
  EXPECT_EQ(open_reader("auto", {.path = file})->spec().trajectories.size(), 1U);
  EXPECT_THAT(error_of([&] { open_reader("well", {.path = file, .split = "valid"}); }),
              testing::HasSubstr("data.splits.by"));
}

TEST(WellReader, SaysWhichSplitsThereAre) {
  auto const path = format_fixtures() / "well/planetswe_mini";
  EXPECT_THAT(error_of([&] { open_reader("well", {.path = path, .split = "valid"}); }),
              testing::HasSubstr("has no part 'valid'; it has train, test"));
}

TEST(WellReader, SaysWhichFramesATrajectoryHas) {
  auto const reader =
      open_reader("well", {.path = format_fixtures() / "well/box3d_mini", .split = "train"});
  auto const message =
      error_of([&] { read_frames(*reader, {.trajectory = 1, .first = 4, .count = 2}); });
  EXPECT_THAT(message, testing::HasSubstr("2 frames from 4"));
  EXPECT_THAT(message, testing::HasSubstr("sample 1, which has 5"));
}

}  // namespace
}  // namespace eddyline
