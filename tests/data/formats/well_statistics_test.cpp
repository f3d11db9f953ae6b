#include "data/formats/well_statistics.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "core/error.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

/// The published statistics of a sample set without some of their keys.
std::filesystem::path without(TemporaryFolder const& folder, std::vector<std::string> const& keys) {
  auto root =
      YAML::LoadFile(source_file("tests/fixtures/formats/well/active_matter_mini/stats.yaml"));
  for (auto const& key : keys) {
    EXPECT_TRUE(root.remove(key)) << key;
  }
  auto const path = folder / "stats.yaml";
  std::ofstream(path) << root;
  return path;
}

TEST(WellStatistics, AreReadWhereTheDeltasAreMissing) {
  TemporaryFolder const folder;
  auto const whole = read_well_statistics(without(folder, {}));
  auto const read = read_well_statistics(without(folder, {"mean_delta", "std_delta", "rms_delta"}));
  EXPECT_EQ(read.mean, whole.mean);
  EXPECT_EQ(read.std, whole.std);
  EXPECT_EQ(read.rms, whole.rms);
  EXPECT_TRUE(read.mean_delta.empty());
  EXPECT_TRUE(read.std_delta.empty());
  EXPECT_TRUE(read.rms_delta.empty());
  EXPECT_FALSE(whole.std_delta.empty());
}

TEST(WellStatistics, AreReadWhereOneDeltaIsMissing) {
  TemporaryFolder const folder;
  auto const read = read_well_statistics(without(folder, {"std_delta"}));
  EXPECT_TRUE(read.std_delta.empty());
  EXPECT_FALSE(read.mean_delta.empty());
}

TEST(WellStatistics, NameARequiredKeyThatIsMissing) {
  for (auto const* key : {"mean", "std", "rms"}) {
    TemporaryFolder const folder;
    auto const path = without(folder, {key});
    EXPECT_THAT(message_of<Error>([&] { read_well_statistics(path); }),
                HasSubstr(concat("stats.yaml' lacks the key '", key, "'")));
  }
}

TEST(WellStatistics, NameAFieldThatTheyLack) {
  TemporaryFolder const folder;
  auto const statistics = read_well_statistics(without(folder, {}));
  EXPECT_THAT(message_of<Error>([&] {
                WellStatistics::of_channels(statistics.mean, FieldSet({Field{.name = "salt"}}));
              }),
              HasSubstr("the statistics lack the field 'salt'"));
}

}  // namespace
}  // namespace eddyline
