#include "workflows/evaluation/baseline.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/workflows/evaluation/drift_surrogate.hpp"

namespace eddyline {
namespace {

using namespace testing_evaluation;
using testing::HasSubstr;

constexpr double kRoundOff = 1e-4;  // float32 states of size 100

TEST(Baselines, ForecastFromWhatIsKnownAtTheStart) {
  Baselines const baselines({BaselineKind::persistence, BaselineKind::linear, BaselineKind::mean},
                            some_statistics(),
                            some_fields());
  ForecastStart const start{.newest = at::full({1, 3, 1, 8, 6}, 5.0f),
                            .before = at::full({1, 3, 1, 8, 6}, 3.0f),
                            .times = {0}};
  EXPECT_TRUE(baselines.needs_frame_before());
  EXPECT_EQ(baselines.forecast("persistence", start, 4)[0][0][0][0][0].item<float>(), 5);
  EXPECT_EQ(baselines.forecast("linear", start, 4)[0][0][0][0][0].item<float>(), 5 + 4 * 2);
  EXPECT_EQ(baselines.forecast("mean", start, 4)[0][2][0][7][5].item<float>(), 10);
  EXPECT_EQ(baselines.names(), (std::vector<std::string>{"persistence", "linear", "mean"}));
}

TEST(Climatology, IsTheMeanOfEachHour) {
  auto reader = coded_reader({30});
  Dataset data(std::move(reader), plain_config(), Split::all, {}, kAnyPatch);
  Climatology const climatology(data, Communicator::world());
  // frames are 2 h apart: 0 h has frames 0, 12, 24; 10 h has 5, 17 and 29; 1 h has none
  auto const means = climatology.at({48.0, 10.0, 25.0});
  EXPECT_NEAR(means[0][0][0][0][0].item<float>(), 10 * (0 + 12 + 24) / 3.0, kRoundOff);
  EXPECT_NEAR(means[1][0][0][0][0].item<float>(), 10 * (5 + 17 + 29) / 3.0, kRoundOff);
  EXPECT_NEAR(means[2][0][0][0][0].item<float>(), 10 * 29 / 2.0, kRoundOff);
}

TEST(Climatology, RefusesTimesWithoutHours) {
  auto reader = coded_reader({4});
  reader->editable().time_unit = "";
  Dataset data(std::move(reader), plain_config(), Split::all, {}, kAnyPatch);
  EXPECT_THAT(message_of([&] { Climatology(data, Communicator::world()); }),
              HasSubstr("needs times in hours, days, minutes or seconds"));
}

TEST(Climatology, OfAllTimesIsTheSameAtEachHour) {
  auto const mean = at::arange(6, at::kFloat).view({1, 1, 2, 3});
  Climatology const climatology(mean);
  EXPECT_TRUE(climatology.at({0, 7.5}).equal(at::stack({mean, mean})));
}

}  // namespace
}  // namespace eddyline
