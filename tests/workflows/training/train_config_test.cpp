#include "workflows/training/train_config.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/message_of.hpp"
#include "tests/workflows/training/tiny.hpp"

namespace eddyline {
namespace {

TEST(TrainConfig, RefusesValuesOutOfTheirRange) {
  auto config = tiny::config();
  config.accumulate = 0;
  try {
    check(config);
    FAIL() << "not refused";
  } catch (Error const& error) {
    EXPECT_NE(std::string(error.what()).find("train.accumulate is 0; allowed: >= 1"),
              std::string::npos)
        << error.what();
  }
}

TEST(TrainConfig, TellsWhatDecayAnAverageMayHave) {
  auto config = tiny::config();
  config.ema.decay = 1;
  try {
    check(config);
    FAIL() << "not refused";
  } catch (Error const& error) {
    EXPECT_NE(std::string(error.what())
                  .find("train.ema.decay is 1; allowed: 0 <= decay < 1, for example"),
              std::string::npos)
        << error.what();
  }
}

TEST(TrainConfig, KeepsMomentsOfACheckpointOnly) {
  auto config = tiny::config();
  config.moments = Moments::keep;
  EXPECT_THROW(check(config), Error);
  config.from = "x.h5";
  EXPECT_NO_THROW(check(config));
}

TEST(TrainConfig, AdaptsACheckpointWithFreshMomentsOnly) {
  auto const refusal = [](AdaptConfig const& adapt, std::string const& from, Moments moments) {
    auto config = tiny::config();
    config.adapt = adapt;
    config.from = from;
    config.moments = moments;
    return message_of<Error>([&] { check(config); });
  };
  AdaptConfig const adapt{.layers = {"*"}};
  EXPECT_EQ(refusal(adapt, "x.h5", Moments::fresh), "");
  EXPECT_EQ(refusal(adapt, "", Moments::fresh),
            "train.adapt keeps weights frozen, but there are none yet: name the model that is "
            "adapted in train.from");
  EXPECT_EQ(refusal(adapt, "x.h5", Moments::keep),
            "train.moments is keep, but with train.adapt the moments begin fresh; leave it out");
  EXPECT_EQ(refusal({.rank = 0}, "", Moments::fresh), "train.adapt.rank is 0; allowed: >= 1");
  EXPECT_EQ(refusal({.alpha = -1}, "", Moments::fresh), "train.adapt.alpha is -1; allowed: > 0");
}

TEST(TrainConfig, SurvivesItsOwnYaml) {
  auto config = tiny::config();
  config.precision = Precision::bf16;
  config.target = TargetKind::increment;
  config.activations = Activations::recompute;
  config.unroll.gradients = Through::last;
  config.ema.decay = 0.999;
  config.loss.cells = CellWeights::volume;
  auto const text = print_config(config);
  EXPECT_EQ(print_config(parse_config<TrainConfig>(text, "printed")), text);
}

}  // namespace
}  // namespace eddyline
