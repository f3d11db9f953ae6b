#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "apps/verbs.hpp"
#include "core/error.hpp"
#include "data/formats/well_statistics.hpp"
#include "data/pipeline/statistics.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr double kPrinted = 1e-4;   // stats.yaml keeps four decimals
constexpr double kRoundOff = 1e-6;  // means of exact zeros: float32 data of order 1

std::string active_matter() {
  return (fixtures_folder() / "formats/well/active_matter_mini").string();
}

/// A folder that all ranks share and that goes away with the test.
class Stats : public testing::Test {
 protected:
  Stats() : world_(Communicator::world()) {
    folder_ = world_.broadcast(
        (fs::temp_directory_path() / ("eddyline_stats_" + std::to_string(getpid()))).string());
    fs::create_directories(folder_);
    world_.barrier();
  }
  ~Stats() override {
    world_.barrier();
    if (world_.is_root()) {
      fs::remove_all(folder_);
    }
  }
  std::string printed_by(std::vector<std::string> const& arguments) {
    testing::internal::CaptureStdout();
    EXPECT_EQ(run_stats(arguments, world_), 0);
    return testing::internal::GetCapturedStdout();
  }

  Communicator world_;
  std::string folder_;
};

TEST_F(Stats, PrintsALineForEachChannelOnce) {
  auto const text = printed_by({active_matter()});
  if (world_.is_root()) {
    EXPECT_THAT(
        text,
        HasSubstr("'active_matter', part train: 3 trajectories, 18 frames; changes over 1 frame"));
    EXPECT_THAT(text, HasSubstr("D_xy"));
  } else {
    EXPECT_EQ(text, "");
  }
}

TEST_F(Stats, WritesTheWellsFile) {
  auto const path = folder_ + "/stats.yaml";
  printed_by({active_matter(), "yaml=" + path});
  auto const ours = read_well_statistics(path);
  auto const theirs = read_well_statistics(active_matter() + "/stats.yaml");
  ASSERT_EQ(ours.std.size(), theirs.std.size());
  for (auto const& [field, numbers] : theirs.std) {
    ASSERT_EQ(ours.std.at(field).size(), numbers.size());
    for (size_t i = 0; i < numbers.size(); ++i) {
      EXPECT_NEAR(ours.std.at(field)[i], numbers[i], kPrinted * std::abs(numbers[i]) + kRoundOff)
          << field;
    }
  }
}

TEST_F(Stats, WritesJsonThatAModelMayKeep) {
  auto const path = folder_ + "/stats.json";
  printed_by({active_matter(), "json=" + path});
  std::ifstream file(path);
  auto const statistics = Statistics::from_json(nlohmann::json::parse(file));
  EXPECT_EQ(statistics.channels.size(), 11U);
  EXPECT_NEAR(statistics.mean[0], 1, kPrinted);
}

TEST_F(Stats, UsesAllOfDataThatAreNotDivided) {
  auto const text = printed_by({active_matter(), "part=valid"});
  if (world_.is_root()) {
    EXPECT_THAT(text, HasSubstr("part all: "));
  }
}

TEST_F(Stats, AreOfTheSameNumbersByBlocksOnManyRanks) {
  auto const of = [&](std::string const& domain) {
    auto const path = folder_ + "/stats.json";
    printed_by({active_matter(), "json=" + path, "parallel.domain=" + domain});
    std::ifstream file(path);
    return Statistics::from_json(nlohmann::json::parse(file));
  };
  auto const whole = of("[1, 1, 1]"), split = of("[1, 1, 2]");
  ASSERT_EQ(split.count, whole.count);
  for (size_t c = 0; c < whole.std.size(); ++c) {
    // Moments of float64 merged in another order.
    EXPECT_NEAR(split.std[c], whole.std[c], 1e-12 * whole.std[c]) << c;
    EXPECT_NEAR(split.std_delta[c], whole.std_delta[c], 1e-12 * whole.std_delta[c]) << c;
  }
}

TEST_F(Stats, SaysWhatIsWrongWithThePath) {
  try {
    run_stats({folder_ + "/nothing"}, world_);
    FAIL() << "statistics of nothing";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("there is no file or folder"));
  }
}

}  // namespace
}  // namespace eddyline
