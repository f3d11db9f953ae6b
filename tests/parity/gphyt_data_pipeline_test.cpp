// Samples of The Well's files as the reference's reader makes them for GPhyT, against our reader,
// windows and normaliser.
#include <algorithm>
#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/formats/registry.hpp"
#include "data/formats/well_statistics.hpp"
#include "data/hdf5/file.hpp"
#include "data/pipeline/batch_maker.hpp"
#include "tests/parity/reference.hpp"
#include "tests/places.hpp"

namespace eddyline::parity {
namespace {

namespace fs = std::filesystem;

// Means and deviations are rounded to float32 on both sides; one subtraction and one division of
// values of size 50.
constexpr double kValues = 1e-5;
// Files are weighed in float32 there; sums of thousands of values of size one.
constexpr double kMoments = 1e-6;

fs::path folder() {
  return fixtures_folder() / "gphyt/data_pipeline";
}

/// One configuration of the reference's reader.
struct Case {
  std::string name;
  nlohmann::json options;
  int64_t length = 0;  ///< samples
  std::vector<int64_t> indices;

  int64_t number(char const* key) const { return options.at(key).get<int64_t>(); }
  bool whole() const { return options.value("full_trajectory_mode", false); }
  bool by_window() const { return !options.value("use_normalization", true); }
  /// x is H there; all samples of a configuration are mirrored, or none.
  Flips flips() const {
    return {false, options.value("flip_x", 0.0) == 1, options.value("flip_y", 0.0) == 1};
  }
};

std::vector<Case> read_cases(fs::path const& path) {
  std::vector<Case> cases;
  auto const file = Hdf5File::open(path);
  for (auto const& name : file.groups()) {
    auto const group = file.open_group(name);
    Case one{.name = name,
             .options = nlohmann::json::parse(group.read_text("kwargs")),
             .length = group.read_integer("len")};
    for (auto const index : group.read_numbers("indices")) {
      one.indices.push_back(static_cast<int64_t>(index));
    }
    cases.push_back(one);
  }
  return cases;
}

fs::path data_folder() {
  for (auto const& entry : fs::directory_iterator(folder())) {
    if (entry.is_directory()) {
      return entry.path();
    }
  }
  return {};
}

/// The moments of the data set's own stats.yaml.
Statistics stored_statistics(FieldSet const& fields) {
  auto const stored = read_well_statistics(data_folder() / "stats.yaml");
  auto const of = [&](WellStatistics::Moments const& moments) {
    return WellStatistics::of_channels(moments, fields);
  };
  Statistics statistics{.channels = fields.channel_names(),
                        .mean = of(stored.mean),
                        .std = of(stored.std),
                        .rms = of(stored.rms),
                        .mean_delta = of(stored.mean_delta),
                        .std_delta = of(stored.std_delta),
                        .rms_delta = of(stored.rms_delta)};
  statistics.count.assign(statistics.channels.size(), 1);
  statistics.count_delta = statistics.count;
  return statistics;
}

DataConfig config_of(Case const& one) {
  DataConfig config{.path = data_folder().string(),
                    .format = "well",
                    .fields = {"pressure", "density", "temperature", "velocity"}};
  config.missing = one.by_window() ? Missing::zero : Missing::mask;
  config.normalisation = one.by_window() ? Normalisation::window : Normalisation::dataset;
  config.pooling = Pooling::channel;
  return config;
}

/// Of whole trajectories the shortest decides how many targets there are.
int64_t horizon_of(Case const& one) {
  if (!one.whole()) {
    return one.number("n_steps_output");
  }
  auto const reader = open_reader("well", {.path = data_folder(), .split = "train"});
  auto shortest = std::numeric_limits<int64_t>::max();
  for (auto const& trajectory : reader->spec().trajectories) {
    shortest = std::min(shortest, trajectory.frames());
  }
  auto const stride = one.number("dt_stride");
  return std::min((shortest - one.number("n_steps_input") * stride) / stride,
                  one.number("max_rollout_steps"));
}

/// Our number of the reference's sample: of whole trajectories the first window of each.
int64_t window_of(Dataset const& data, Case const& one, int64_t index) {
  for (int64_t window = 0; one.whole() && window < data.windows(); ++window) {
    if (data.window(window) == WindowAddress{index, 0}) {
      return window;
    }
  }
  return index;
}

/// (1, T, C, 1, H, W) as the reference has it: (T, H, W, C).
at::Tensor channels_last(at::Tensor const& values) {
  return values[0].squeeze(2).movedim(1, 3);
}

/// The reference changes the sign of velocities that are normalised already, so that of a mirrored
/// cell it has −(v − mean) / std for (−v − mean) / std; holes are 0 in both.
at::Tensor as_mirrored_there(at::Tensor const& values, Batch const& batch, Flips const& flips) {
  auto shift = at::zeros_like(batch.input_norm.mean);
  for (int64_t axis = 0; axis < 2; ++axis) {
    if (flips[static_cast<size_t>(axis + 1)]) {
      auto const channel = shift.size(1) - 2 + axis;
      shift.select(1, channel)
          .copy_(2 * batch.input_norm.mean.select(1, channel) /
                 batch.input_norm.scale.select(1, channel));
    }
  }
  return values + shift.view({1, 1, -1, 1, 1, 1}) * batch.mask.unsqueeze(1);
}

/// The reference divides by a window's deviation with N - 1, plus 1e-6; here it has N and a floor
/// of 1e-3 of the data set's (of 1 where that is 0).
at::Tensor as_scaled_there(at::Tensor const& values, Batch const& batch) {
  constexpr double kFloor = 1e-3, kEpsilon = 1e-6;
  auto std = stored_statistics(batch.spec->input_fields).std;
  std::replace(std.begin(), std.end(), 0.0, 1.0);
  auto const scale = batch.input_norm.scale[0].to(at::kDouble);
  auto const cells = static_cast<double>(batch.input.select(2, 0).numel());
  auto const variance = (scale.square() - (kFloor * at::tensor(std, at::kDouble)).square()).relu();
  auto const theirs = (variance * (cells / (cells - 1))).sqrt() + kEpsilon;
  return values * (scale / theirs).view({1, 1, -1, 1, 1, 1});
}

void compare_sample(Reference const& reference, Case const& one, Batch batch, int64_t index) {
  batch = normalised(std::move(batch));
  auto const theirs_of = [&](at::Tensor const& values) {
    return channels_last(one.by_window() ? as_scaled_there(values, batch)
                                         : as_mirrored_there(values, batch, one.flips()));
  };
  for (auto const& [part, ours] : std::map<std::string, at::Tensor>{
           {"x", theirs_of(batch.input)}, {"y", theirs_of(batch.target)}}) {
    auto const name = concat(one.name, "/", index, "/", part);
    auto const expected = reference.tensor(name);
    ASSERT_EQ(ours.sizes(), expected.sizes()) << name;
    expect_close(reference, name, largest_difference(ours, expected), kValues);
  }
}

TEST(GphytParity, DataPipeline) {
  if (!fs::exists(folder() / "expected.h5")) {
    GTEST_SKIP() << "there is no " << folder();
  }
  auto const reference = read_references("gphyt/data_pipeline").front();
  for (auto const& one : read_cases(folder() / "expected.h5")) {
    Dataset data(config_of(one),
                 Split::train,
                 {.history = one.number("n_steps_input"),
                  .horizon = horizon_of(one),
                  .stride = one.number("dt_stride")},
                 {1, 1, 1},
                 Communicator::self());
    EXPECT_EQ(one.whole() ? data.trajectories() : data.windows(), one.length) << one.name;
    BatchMaker maker(data, stored_statistics(data.state_spec()->fields), at::kCPU);
    for (auto const index : one.indices) {
      auto batch = maker.make({window_of(data, one, index)}, {one.flips()});
      compare_sample(reference, one, std::move(batch), index);
    }
  }
  EXPECT_TRUE(reference.unused().empty());
}

TEST(GphytParity, Statistics) {
  if (data_folder().empty()) {
    GTEST_SKIP() << "there is no " << folder();
  }
  DataConfig config{.path = data_folder().string(),
                    .format = "well",
                    .fields = {"pressure", "density", "temperature", "velocity"}};
  config.missing = Missing::zero;
  Dataset data(config, Split::train, {}, {1, 1, 1}, Communicator::self());
  auto const ours = compute_statistics(data, Communicator::self());
  auto const theirs = stored_statistics(data.state_spec()->fields);
  auto const compare = [&](std::vector<double> const& a, std::vector<double> const& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t c = 0; c < a.size(); ++c) {
      EXPECT_NEAR(a[c], b[c], kMoments * theirs.rms[c]) << theirs.channels[c];
    }
  };
  compare(ours.mean, theirs.mean);
  compare(ours.std, theirs.std);
  compare(ours.rms, theirs.rms);
  compare(ours.mean_delta, theirs.mean_delta);
  compare(ours.std_delta, theirs.std_delta);
  compare(ours.rms_delta, theirs.rms_delta);
}

}  // namespace
}  // namespace eddyline::parity
