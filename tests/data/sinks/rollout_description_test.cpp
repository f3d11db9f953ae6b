#include "data/sinks/rollout_description.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/sinks/rollout_files.hpp"

namespace eddyline {
namespace {

TEST(RolloutDescription, ComesBackFromJson) {
  auto description = testing_sinks::description_of(2);
  description.facts = {{"model", "x.h5"}};
  auto const back =
      rollout_description_from_json(nlohmann::json::parse(to_json(description).dump()));
  EXPECT_TRUE(back.continues(description));
  EXPECT_EQ(back.facts, description.facts);
}

TEST(RolloutDescription, ContinuesOnlyWhatIsAlike) {
  auto const description = testing_sinks::description_of(2);
  auto other = description;
  other.facts = {{"steps", 7}};
  EXPECT_TRUE(other.continues(description)) << "facts may change";
  EXPECT_FALSE(testing_sinks::description_of(3).continues(description));
  other.time_unit = "h";
  EXPECT_FALSE(other.continues(description));
}

TEST(RolloutDescription, NamesAMissingKey) {
  auto json = to_json(testing_sinks::description_of(1));
  json.erase("grid");
  try {
    rollout_description_from_json(json);
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("the description of the rollout is not as it was written"));
    EXPECT_THAT(error.what(), testing::HasSubstr("grid"));
  }
}

}  // namespace
}  // namespace eddyline
