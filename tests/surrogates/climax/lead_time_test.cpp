#include "surrogates/climax/lead_time.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

Batch batch_in(std::string const& unit, double lead) {
  auto spec = std::make_shared<BatchSpec>();
  spec->time_unit = unit;
  return {.input = at::zeros({1, 1, 1, 1, 2, 2}), .lead_time = at::full({1}, lead), .spec = spec};
}

std::string message_of(Batch const& batch, std::string const& unit) {
  try {
    scaled_lead_time(batch, unit);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(LeadTime, IsInHundredsOfHoursWhateverTheDatasUnit) {
  for (auto const& [unit, lead] : std::vector<std::pair<std::string, double>>{
           {"h", 72}, {"d", 3}, {"min", 72 * 60}, {"s", 72 * 3600}, {"hours", 72}}) {
    EXPECT_FLOAT_EQ(scaled_lead_time(batch_in(unit, lead), "s").item<float>(), 0.72F) << unit;
  }
}

TEST(LeadTime, IsInOtherHoursWhenAsked) {
  EXPECT_FLOAT_EQ(scaled_lead_time(batch_in("h", 6), "h", 12).item<float>(), 0.5F);
}

TEST(LeadTime, TakesTheGivenUnitWhereTheDataNameNone) {
  EXPECT_FLOAT_EQ(scaled_lead_time(batch_in("", 3), "d").item<float>(), 0.72F);
  auto batch = batch_in("", 6);
  batch.spec = nullptr;
  EXPECT_FLOAT_EQ(scaled_lead_time(batch, "h").item<float>(), 0.06F);
}

TEST(LeadTime, HasTheTypeOfTheInput) {
  auto batch = batch_in("h", 6);
  batch.input = batch.input.to(at::kDouble);
  EXPECT_EQ(scaled_lead_time(batch, "h").scalar_type(), at::kDouble);
}

TEST(LeadTime, SaysWhatIsMissing) {
  auto batch = batch_in("turns", 6);
  EXPECT_THAT(message_of(batch, "h"),
              HasSubstr("lead times are in 'turns', which is no unit of time"));
  batch.lead_time.reset();
  EXPECT_THAT(message_of(batch, "h"), HasSubstr("the batch has no lead times"));
}

TEST(LeadTime, KnowsTheMeanLengthsOfMonthsAndYears) {
  EXPECT_DOUBLE_EQ(hours_in("year"), 365.2425 * 24);
  EXPECT_DOUBLE_EQ(hours_in("month") * 12, hours_in("year"));
  EXPECT_EQ(hours_in("metre"), 0);
}

}  // namespace
}  // namespace eddyline
