// What a user can give that is bad: exit code 2 and one clear sentence, on one rank and on two.
#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "tests/apps/own_arrays.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;
using testing::Not;

struct BadInput {
  char const* name;
  std::string overrides;  ///< @/ stands for the test's folder
  std::string message;
};

void PrintTo(BadInput const& bad, std::ostream* out) {
  *out << bad.name;
}

class BadInputTest : public testing::TestWithParam<std::tuple<BadInput, int>> {};

/// A checkpoint of PyTorch whose pickle would call os.system.
void write_evil_checkpoint(std::string const& path) {
  auto const outcome =
      outcome_of(venv_python() + " -c \"import zipfile; z = zipfile.ZipFile('" + path +
                 "', 'w'); z.writestr('evil/data.pkl', "
                 "b'\\x80\\x02cposix\\nsystem\\nX\\x04\\x00\\x00\\x00trueq\\x01\\x85R.')\"");
  ASSERT_EQ(outcome.code, 0) << outcome.text;
}

size_t count_of(std::string const& part, std::string const& text) {
  size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST_P(BadInputTest, EndsWithExitCode2AndOneClearSentence) {
  auto const& [bad, ranks] = GetParam();
  OwnArrays const own;
  if (bad.overrides.find("evil.pt") != std::string::npos) {
    write_evil_checkpoint(own / "evil.pt");
  }
  std::filesystem::copy(own / "own.h5", own / "cut.h5");
  std::filesystem::resize_file(own / "cut.h5", std::filesystem::file_size(own / "cut.h5") / 2);
  auto overrides = bad.overrides;
  if (auto const at = overrides.find("@/"); at != std::string::npos) {
    overrides.replace(at, 2, own / "");
  }
  auto const outcome = own.train(overrides, ranks);
  EXPECT_EQ(outcome.code, 2) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr(bad.message));
  EXPECT_EQ(count_of("error: ", outcome.text), 1U) << outcome.text;
  EXPECT_THAT(outcome.text, Not(HasSubstr("MPI_ABORT"))) << "all ranks end by themselves";
}

INSTANTIATE_TEST_SUITE_P(
    Everywhere,
    BadInputTest,
    testing::Combine(
        testing::Values(
            BadInput{"TruncatedHdf5", "data.path=@/cut.h5", "/cut.h5' is truncated"},
            BadInput{"WrongShape",
                     "'data.map={axes: [sample, time, x, y, z]}'",
                     "it has 4 dimensions, data.map gives it 5: sample, time, x, y, z"},
            BadInput{"NanInData",
                     "data.path=@/nan.h5",
                     "field 'u' has 1 missing values (NaN) of 64 in frame 3; set data.missing"},
            BadInput{"MissingDataSet",
                     "'data.map={fields: [{name: u, data: /w}]}'",
                     "has no data set 'w'"},
            BadInput{"UnknownKey", "train.bach=3", "did you mean 'batch'"},
            BadInput{"GridThatDoesNotFitThePatch",
                     "'model.patch=[1, 5, 5]'",
                     "has 8 points, not a multiple of patch 5; set the model's patch there to"},
            BadInput{
                "PickleWithAForbiddenGlobal", "train.from=@/evil.pt", "asks for 'posix.system'"},
            BadInput{"AMapForAFormatThatNeedsNone",
                     "data.format=auto data.path=" +
                         source_file("tests/fixtures/formats/well/active_matter_mini") +
                         " data.splits.by=trajectories",
                     "data.map is given, but files of the format well say themselves"}),
        testing::Values(1, 2)),
    [](auto const& info) {
      return concat(std::get<0>(info.param).name, "On", std::get<1>(info.param));
    });

}  // namespace
}  // namespace eddyline
