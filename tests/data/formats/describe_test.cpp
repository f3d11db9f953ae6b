#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "data/formats/registry.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/data/formats/upstream.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

TEST(Describe, TellsFieldsGridTimesPartsAndStatisticsOfTheWell) {
  auto const text = describe(format_fixtures() / "well/active_matter_mini");
  EXPECT_THAT(text, HasSubstr("The Well"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "concentration, velocity (x, y), D (xx, xy, yx, yy), E (xx, xy, yx, yy); 11 channels"));
  EXPECT_THAT(text, HasSubstr("zeta 1 … 5"));
  EXPECT_THAT(text, HasSubstr("x 32"));
  EXPECT_THAT(text, HasSubstr("6 frames, 0 … 1.25, every 0.25 (the files name no unit)"));
  EXPECT_THAT(text, HasSubstr("3 trajectories in 2 files"));
  EXPECT_THAT(text, HasSubstr("1 trajectory in 1 file"));
  EXPECT_THAT(text, HasSubstr("stats.yaml (mean, std, rms and those of the deltas)"));
  EXPECT_THAT(text, HasSubstr("by: trajectories"));
}

TEST(Describe, KnowsEveryFileOfPdebench) {
  for (auto const& entry : std::filesystem::directory_iterator(format_fixtures() / "pdebench")) {
    EXPECT_THAT(describe(entry.path()), HasSubstr("format: pdebench")) << entry.path();
  }
}

TEST(Describe, RefusesWhatNoFormatRecognises) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  std::ofstream(folder / "garbage.bin") << "garbage";
  EXPECT_THAT(error_of([&] { describe(folder / "garbage.bin"); }),
              HasSubstr("is in no format that is recognised"));
  EXPECT_THAT(error_of([&] { describe(folder / "none"); }),
              HasSubstr("there is no file or folder"));
}

}  // namespace
}  // namespace eddyline
