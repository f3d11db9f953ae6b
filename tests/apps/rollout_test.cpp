#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "apps/verbs.hpp"
#include "core/error.hpp"
#include "data/sinks/rollout_folder.hpp"
#include "tests/workflows/rollout/small_model.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

TEST(RolloutVerb, RollsAModelOutFromTheCommandLine) {
  auto const folder = testing_rollout::prepare("verb");
  auto const world = Communicator::world();
  auto const model = (folder / "run" / "checkpoints" / "best.h5").string();
  EXPECT_EQ(
      run_rollout({"model=" + model, "split=all", "steps=4", "segment=2", "device=cpu"}, world), 0);
  RolloutFolder const written(folder / "run" / "rollout");
  EXPECT_EQ(written.last_step(2), 4);
  EXPECT_EQ(
      run_rollout({"model=" + model, "split=all", "steps=6", "device=cpu", "--resume"}, world), 0);
  EXPECT_EQ(written.last_step(2), 6);
}

TEST(RolloutVerb, TakesADataSectionFromTheCommandLine) {
  auto const folder = testing_rollout::prepare("verb_data");
  auto const world = Communicator::world();
  auto const model = (folder / "run" / "checkpoints" / "best.h5").string();
  try {
    run_rollout(
        {"model=" + model, "split=all", "data.path=" + (folder / "nowhere").string(), "device=cpu"},
        world);
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr((folder / "nowhere").string()));
  }
}

TEST(RolloutVerb, NamesTheNearestKey) {
  try {
    run_rollout({"modle=x.h5"}, Communicator::self());
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("model"));
  }
}

}  // namespace
}  // namespace eddyline
