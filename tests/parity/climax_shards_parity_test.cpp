// Samples of ClimaX's shards as the reference's chain of readers makes them, against our reader,
// windows and normaliser.
#include <cmath>
#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "data/formats/npz_file.hpp"
#include "data/pipeline/batch_maker.hpp"
#include "tests/parity/reference.hpp"
#include "tests/places.hpp"

namespace eddyline::parity {
namespace {

namespace fs = std::filesystem;

// float64 fields are rounded to float32 before (x - mean) / std here, after it there; normalised
// values reach 11.
constexpr double kValues = 2e-6;
constexpr double kHoursOfOne = 100;  // what ClimaX divides lead times by

fs::path folder() {
  return fixtures_folder() / "climax/shards_mini";
}

/// The moments of normalize_mean.npz and normalize_std.npz; the mean of precipitation is 0, as the
/// reference's reader has it.
Statistics stored_statistics(std::vector<std::string> const& channels) {
  NpzFile means(folder() / "normalize_mean.npz");
  NpzFile deviations(folder() / "normalize_std.npz");
  Statistics statistics{.channels = channels};
  for (auto const& name : channels) {
    auto const mean = name == "total_precipitation" ? 0 : read_whole(means.array(name)).front();
    auto const deviation = read_whole(deviations.array(name)).front();
    statistics.mean.push_back(mean);
    statistics.std.push_back(deviation);
    statistics.rms.push_back(std::hypot(mean, deviation));
  }
  statistics.mean_delta = statistics.mean;
  statistics.std_delta = statistics.rms_delta = statistics.rms;
  statistics.count.assign(channels.size(), 1);
  statistics.count_delta = statistics.count;
  return statistics;
}

TEST(ClimaxParity, Shards) {
  if (!fs::exists(folder() / "expected.h5")) {
    GTEST_SKIP() << "there is no " << folder();
  }
  auto const reference = read_references("climax/shards_mini").front();
  auto const inputs = reference.tensor("inputs");  // (samples, Vi, H, W)
  DataConfig config{.path = folder().string(),
                    .format = "climax",
                    .map = {"{hours: " + reference.attributes["hrs_each_step"].dump() + "}"},
                    .fields = reference.texts.at("variables"),
                    .target_fields = reference.texts.at("out_variables")};
  config.lead = reference.attributes["predict_range"].get<int64_t>();
  config.pooling = Pooling::channel;
  Dataset data(config, Split::train, window_shape(config), {1, 1, 1}, Communicator::self());
  ASSERT_EQ(data.windows(), inputs.size(0));
  BatchMaker maker(data, stored_statistics(reference.texts.at("variables")), at::kCPU);
  std::vector<int64_t> samples(static_cast<size_t>(data.windows()));
  std::iota(samples.begin(), samples.end(), 0);
  auto const batch = normalised(maker.make(samples));
  expect_close(
      reference, "inputs", largest_difference(batch.input.squeeze(3).squeeze(1), inputs), kValues);
  expect_close(reference,
               "outputs",
               largest_difference(batch.target.squeeze(3).squeeze(1), reference.tensor("outputs")),
               kValues);
  expect_close(reference,
               "lead_times",
               largest_difference(batch.lead_time / kHoursOfOne, reference.tensor("lead_times")),
               1e-7);  // float32 of 0.18
  reference.used.insert({"variables", "out_variables"});
  EXPECT_TRUE(reference.unused().empty());
}

}  // namespace
}  // namespace eddyline::parity
