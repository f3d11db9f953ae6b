#include "workflows/reporting/rollout_numbers.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/sinks/rollout_sink.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr int64_t kFrames = 12;
constexpr double kRoundOff = 1e-6;  // frames are float32

/// Prediction 1 + cos(2 x) + t and truth 2 + cos(x) of u on 4 (y, wall, descending) × 16 (x,
/// periodic over 2 pi) cells whose rows are of lengths 1, 1, 1 and 3; v is 7.
std::filesystem::path write_waves(std::string const& name, bool has_hole = false) {
  auto const path = std::filesystem::temp_directory_path() / "eddyline_rollout_test" / name;
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  std::vector<double> x;
  for (int i = 0; i < 16; ++i) {
    x.push_back(2 * M_PI * i / 16);
  }
  RolloutDescription description{.name = "waves", .made_by = "test", .time_unit = "s"};
  description.fields = FieldSet(std::vector<Field>{{.name = "u", .units = "K"},
                                                   {.name = "v"},
                                                   {.name = "u_truth", .units = "K"},
                                                   {.name = "u_error", .units = "K"}});
  description.grid = Grid(
      {{.name = "y", .coordinates = {5.5, 4.5, 3.5, 1.5}, .units = "m", .edges = {6, 5, 4, 3, 0}},
       {.name = "x",
        .coordinates = x,
        .units = "m",
        .boundaries = {Boundary::periodic, Boundary::periodic}}});
  description.trajectories = {{"made", {}}};
  RolloutFolder const folder(path);
  folder.describe(description);
  RolloutSink sink(folder, description, {0, 1});
  auto const along = at::tensor(x, at::kFloat).view({1, 1, 16});
  auto const rows = at::tensor({0.F, 1.F, 2.F, 3.F}).view({1, 4, 1});
  for (int64_t t = 0; t < kFrames; ++t) {
    auto prediction = 1 + at::cos(2 * along) + static_cast<double>(t) + 0 * rows;
    if (has_hole) {
      prediction[0][1][3] = std::numeric_limits<float>::quiet_NaN();
    }
    auto const truth = 2 + at::cos(along) + rows;
    auto const values =
        at::stack({prediction, at::full({1, 4, 16}, 7.F), truth, prediction - truth}).unsqueeze(0);
    sink.write(t, {values, 0.5 * static_cast<double>(t), nullptr});
  }
  sink.close_segment({kFrames - 1, at::zeros({1, 1, 4, 1, 4, 16}), {0.0}, {}});
  return path;
}

struct Numbers {
  explicit Numbers(std::filesystem::path const& rollout, RolloutChoice const& choice = {})
      : file(Hdf5File::create_in_memory("numbers")),
        facts(write_rollout_numbers(rollout, choice, file)) {}
  at::Tensor operator[](char const* name) const {
    return file.open_data_set(name).read_all(at::kDouble);
  }
  Hdf5File file;
  nlohmann::json facts;
};

TEST(RolloutNumbers, GiveTheMeanByVolumeOfPredictionAndTruth) {
  Numbers const numbers(write_waves("sums"));
  auto const sums = numbers["sums"];
  ASSERT_EQ(sums.sizes().vec(), (std::vector<int64_t>{2, 2, kFrames})) << "u and v";
  EXPECT_NEAR(sums[0][0][4].item<double>(), 1 + 4, kRoundOff);
  // Rows 0 … 3 of lengths 1, 1, 1, 3 have the mean (0 + 1 + 2 + 9) / 6 = 2.
  EXPECT_NEAR(sums[1][0][4].item<double>(), 2 + 2, kRoundOff);
  EXPECT_NEAR(sums[0][1][0].item<double>(), 7, kRoundOff);
  EXPECT_TRUE(std::isnan(sums[1][1][0].item<double>())) << "v has no truth";
  EXPECT_NEAR(numbers["sum_times"][4].item<double>(), 2.0, 0);
}

TEST(RolloutNumbers, GiveTheSpectraOfTheShownSteps) {
  Numbers const numbers(write_waves("spectra"), {.steps = {3, 9}});
  auto const spectra = numbers["spectra"];
  ASSERT_EQ(spectra.sizes().slice(0, 3).vec(), (std::vector<int64_t>{2, 2, 2}));
  // cos has the mean square 1/2, all of it at its own wave number.
  EXPECT_NEAR(spectra[0][0][1][2].item<double>(), 0.5, kRoundOff);
  EXPECT_NEAR(spectra[0][0][1][1].item<double>(), 0, kRoundOff);
  EXPECT_NEAR(spectra[1][0][1][1].item<double>(), 0.5, kRoundOff);
  EXPECT_NEAR(numbers["wavenumbers"][2].item<double>(), 2, kRoundOff) << "rad/m";
  EXPECT_THAT(numbers.facts["transforms"].get<std::string>(), HasSubstr("x: Fourier (periodic)"));
}

TEST(RolloutNumbers, GiveThePlanesAsParaViewShowsThem) {
  Numbers const numbers(write_waves("planes"), {.steps = {3}, .frames = 3});
  EXPECT_TRUE(at::equal(numbers["steps"], at::tensor({0., 3., 6., 11.}).to(at::kDouble)))
      << "the first, the one asked for, the middle and the last";
  EXPECT_EQ(numbers.facts["shown"], (std::vector<int64_t>{1}));
  EXPECT_EQ(numbers.facts["animated"], (std::vector<int64_t>{0, 2, 3}));
  EXPECT_NEAR(numbers["y"][0].item<double>(), 1.5, 0) << "ascending";
  auto const planes = numbers["planes"];
  ASSERT_EQ(planes.sizes().vec(), (std::vector<int64_t>{4, 2, 2, 4, 16}));
  EXPECT_NEAR(planes[1][1][0][0][0].item<double>(), 2 + 1 + 3, kRoundOff) << "the file's last row";
  EXPECT_EQ(numbers.facts["x"], (nlohmann::json{{"name", "x"}, {"unit", "m"}}));
  EXPECT_EQ(numbers.facts["channels"][0], (nlohmann::json{{"name", "u"}, {"unit", "K"}}));
}

TEST(RolloutNumbers, LeaveMissingValuesOutOfTheMean) {
  Numbers const numbers(write_waves("hole", /*has_hole=*/true), {.fields = {"u"}});
  // Without the cell the others sum to (6 * 16) (1 + t) - (1 + cos(2 x_3) + t).
  auto const missing = 1 + std::cos(2 * 2 * M_PI * 3 / 16) + 4;
  EXPECT_NEAR(numbers["sums"][0][0][4].item<double>(), (96 * 5 - missing) / 95, kRoundOff);
  EXPECT_TRUE(at::isfinite(numbers["spectra"][0]).all().item<bool>());
  EXPECT_TRUE(std::isnan(numbers["planes"][0][0][0][2][3].item<double>())) << "drawn as missing";
}

TEST(RolloutNumbers, NameTheFieldsWithoutTruthAndError) {
  auto const names = drawable_fields(write_waves("names"));
  EXPECT_EQ(names, (std::vector<std::string>{"u", "u", "v", "v"}));
}

TEST(RolloutNumbers, RefuseStepsThatWereNotWritten) {
  auto const path = write_waves("steps");
  EXPECT_THAT(message_of([&] {
                Numbers(path, {.steps = {40, 50}});
              }),
              HasSubstr("steps 40, 50 are not among those that were written, 0 to 11"));
}

}  // namespace
}  // namespace eddyline
