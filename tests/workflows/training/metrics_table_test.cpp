#include "workflows/training/metrics_table.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/core/shared_folder.hpp"

namespace eddyline {
namespace {

std::string read(std::filesystem::path const& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(MetricsTable, LeavesEmptyWhatHasNoValue) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  MetricsTable table(folder / "metrics.csv", {"loss", "valid"}, 0);
  table.add(1, {{"loss", 0.5}});
  table.add(2, {{"valid", 0.25}});
  EXPECT_EQ(read(folder / "metrics.csv"), "step,loss,valid\n1,0.5,\n2,,0.25\n");
  EXPECT_THROW(table.add(3, {{"unknown", 1}}), Bug);
}

TEST(MetricsTable, DropsRowsThatAResumedRunMakesAgain) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  MetricsTable first(folder / "metrics.csv", {"loss"}, 0);
  for (int64_t step = 1; step <= 4; ++step) {
    first.add(step, {{"loss", static_cast<double>(step)}});
  }
  MetricsTable second(folder / "metrics.csv", {"loss"}, 2);
  second.add(3, {{"loss", 30}});
  EXPECT_EQ(read(folder / "metrics.csv"), "step,loss\n1,1\n2,2\n3,30\n");
}

TEST(MetricsTable, RefusesATableWithOtherColumns) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  MetricsTable const first(folder / "metrics.csv", {"loss"}, 0);
  EXPECT_THROW(MetricsTable(folder / "metrics.csv", {"other"}, 0), Error);
}

}  // namespace
}  // namespace eddyline
