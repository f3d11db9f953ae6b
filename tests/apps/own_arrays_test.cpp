// From arrays of one's own to a trained network, as a user goes.
#include "tests/apps/own_arrays.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

namespace eddyline {
namespace {

using testing::HasSubstr;

TEST(OwnArrays, AreTrainedAndScoredOnThePartsOfTheirMap) {
  OwnArrays const own;
  auto const trained = own.train("run.name=a");
  EXPECT_EQ(trained.code, 0) << trained.text;
  EXPECT_THAT(trained.text, HasSubstr("14 to train on (2 series), 7 to validate with"));
  auto const scored =
      outcome_of(kProgram + " evaluate horizon=3 model=" + own / "runs/a/checkpoints/best.h5");
  EXPECT_EQ(scored.code, 0) << scored.text;
}

TEST(OwnArrays, GoFromWhatInspectSuggestsToAForecast) {
  OwnArrays const own;
  auto const outcome =
      outcome_of(concat("cd ",
                        own / "",
                        " && eddyline=",
                        kProgram,
                        " && $eddyline inspect --suggest own.h5 > own.yaml"
                        " && $eddyline train own.yaml train.steps=1 model.dim=16 "
                        "model.heads=2 model.depth=1 model.mlp_dim=16 model.heads_xa=4"
                        " && $eddyline rollout steps=3 "
                        "model=runs/own/checkpoints/best.h5"));
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_TRUE(std::filesystem::exists(own / "runs/own/rollout/trajectory-00000.xdmf"));
}

TEST(OwnArrays, AreTrainedAndScoredFromNpyFiles) {
  OwnArrays const own;
  std::filesystem::create_directories(own / "arrays");
  write_npy(own / "arrays/u.npy", own_waves());
  auto const trained = own.train("run.name=n data.format=npy data.path=" + own / "arrays" +
                                     " 'data.map.fields=[{name: u, data: u.npy}]'",
                                 2);
  EXPECT_EQ(trained.code, 0) << trained.text;
  EXPECT_THAT(trained.text, HasSubstr("14 to train on (2 series), 7 to validate with"));
  auto const scored =
      outcome_of(kProgram + " evaluate horizon=3 model=" + own / "runs/n/checkpoints/best.h5");
  EXPECT_EQ(scored.code, 0) << scored.text;
}

TEST(OwnArrays, AreTrainedWithoutAValidPart) {
  OwnArrays const own("{train: [0, 3]}");
  auto const trained = own.train("run.name=b");
  EXPECT_EQ(trained.code, 0) << trained.text;
  EXPECT_THAT(trained.text, HasSubstr("has no valid part: trained without validation"));
  EXPECT_TRUE(std::filesystem::exists(own / "runs/b/checkpoints/best.h5"));
  auto const plateau = own.train("run.name=c train.schedule.kind=plateau");
  EXPECT_EQ(plateau.code, 0) << plateau.text;
  EXPECT_THAT(plateau.text, HasSubstr("the schedule plateau stays at its peak"));
}

TEST(OwnArrays, AreTrainedAndValidatedWithMissingCellsMasked) {
  OwnArrays const own;
  auto const path = " data.path=" + own / "nan.h5";
  auto const trained = own.train("run.name=c data.missing=mask" + path);
  EXPECT_EQ(trained.code, 0) << trained.text;
  EXPECT_THAT(trained.text, HasSubstr("7 to validate with"));
  std::ifstream table(own / "runs/c/metrics.csv");
  std::string const rows{std::istreambuf_iterator<char>(table), {}};
  EXPECT_THAT(rows, testing::Not(HasSubstr("nan"))) << "a missing cell reached loss or metric";
  EXPECT_GE(std::count(rows.begin(), rows.end(), '\n'), 3) << rows;
}

TEST(OwnArrays, FewerThanABatchAreSaidToBeOne) {
  OwnArrays const own;
  auto const trained = own.train("run.name=d train.batch=100");
  EXPECT_EQ(trained.code, 0) << trained.text;
  EXPECT_THAT(trained.text, HasSubstr("train.batch is larger than all 14 samples"));
}

}  // namespace
}  // namespace eddyline
