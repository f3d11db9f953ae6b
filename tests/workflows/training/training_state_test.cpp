#include "workflows/training/training_state.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/workflows/training/tiny.hpp"

namespace eddyline {
namespace {

TEST(TrainingState, SurvivesJsonWithAndWithoutABestLoss) {
  TrainingState state{.step = 12,
                      .epoch = 3,
                      .batch = 2,
                      .best_loss = 0.1,
                      .best_step = 9,
                      .bad_validations = 1,
                      .loss_sum = 0.3,
                      .loss_steps = 4};
  auto const back = training_state_from_json(nlohmann::json::parse(to_json(state).dump()));
  EXPECT_EQ(to_json(back), to_json(state));
  EXPECT_EQ(back.best_loss, 0.1);
  EXPECT_EQ(training_state_from_json(to_json(TrainingState{})).best_loss,
            std::numeric_limits<double>::infinity());
}

TEST(TrainingState, NamesWhatIsMissing) {
  auto json = to_json(TrainingState{});
  json.erase("batch");
  try {
    training_state_from_json(json);
    FAIL() << "not refused";
  } catch (Error const& error) {
    EXPECT_NE(std::string(error.what()).find("batch"), std::string::npos) << error.what();
  }
}

TEST(TrainingState, IsNotInACheckpointOfWeightsAlone) {
  auto const self = Communicator::self();
  LearningStep learner(std::make_shared<tiny::Network>(),
                       {},
                       Loss({}, tiny::grid(), at::kCPU),
                       tiny::config(),
                       self);
  Schedule schedule({}, 10);
  try {
    WeightAverage average(learner.optimiser().parameters(), {});
    unpack_training({}, learner, average, schedule);
    FAIL() << "not refused";
  } catch (Error const& error) {
    EXPECT_NE(std::string(error.what()).find("train.from"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace eddyline
