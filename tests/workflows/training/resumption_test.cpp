#include "workflows/training/resumption.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/config.hpp"
#include "core/error.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/data/pipeline/memory_reader.hpp"
#include "workflows/compatibility.hpp"
#include "workflows/training/train_job.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

Dataset data_of(std::unique_ptr<MemoryReader> reader, WindowShape const& shape = {}) {
  return Dataset(std::move(reader), plain_config(), Split::all, shape, kAnyPatch);
}

/// A checkpoint of a run on two series of six and nine frames.
NativeCheckpoint checkpoint() {
  auto const data = data_of(coded_reader({6, 9}));
  NativeCheckpoint checkpoint;
  checkpoint.facts["data"] = to_json(data_facts(*data.batch_spec()));
  checkpoint.facts["data"]["windows"] = data.windows();
  checkpoint.facts["run"] = {{"config", print_config(TrainJobConfig{})}};
  return checkpoint;
}

std::string refusal(Dataset const& now, std::vector<std::string> const& allow = {}) {
  return message_of([&] { check_same_data(checkpoint().facts["data"], now, allow, "here"); });
}

TEST(Resumption, TakesTheSameData) {
  EXPECT_EQ(refusal(data_of(coded_reader({6, 9}))), "");
  EXPECT_EQ(refusal(data_of(coded_reader({9, 6}))), "");
}

TEST(Resumption, RefusesDataThatDifferUnlessAllowed) {
  auto reader = coded_reader({6, 9});
  for (auto& series : reader->editable().trajectories) {
    for (auto& time : series.times) {
      time *= 3;
    }
  }
  auto const slower = data_of(std::move(reader));
  EXPECT_THAT(refusal(slower), HasSubstr("step: 6 h instead of 2 h"));
  EXPECT_EQ(refusal(slower, {"step"}), "");
  EXPECT_THAT(refusal(data_of(coded_reader({6, 9}, 8, 6), {.lead = 2})),
              HasSubstr("allow: [step]"));
}

TEST(Resumption, RefusesAnotherNumberOfSamples) {
  EXPECT_THAT(refusal(data_of(coded_reader({6, 8})), compatibility_names()),
              HasSubstr("has 12 samples, but the run began with 13: its place in the epoch means "
                        "nothing there"));
}

TEST(Resumption, KeepsSettingsButForHowLongAndWhere) {
  TrainJobConfig config;
  config.train.epochs = 7;
  config.train.allow = {"step"};
  config.data.path = "elsewhere";
  config.run.name = "other";
  EXPECT_EQ(message_of([&] { check_same_settings(checkpoint(), print_config(config)); }), "");
  config.train.batch = 3;
  EXPECT_THAT(message_of([&] { check_same_settings(checkpoint(), print_config(config)); }),
              HasSubstr("train.batch: 3 instead of 8"));
}

TEST(Resumption, GoesOnWithARunThatDidNotKnowASettingYet) {
  auto earlier = checkpoint();
  earlier.facts["run"]["config"] = "train: {batch: 3}\n";
  TrainJobConfig config;
  config.train.batch = 3;
  EXPECT_EQ(message_of([&] { check_same_settings(earlier, print_config(config)); }), "");
  config.train.ema.decay = 0.9;
  EXPECT_THAT(message_of([&] { check_same_settings(earlier, print_config(config)); }),
              HasSubstr("train.ema.decay: 0.9 instead of 0"));
}

TEST(Resumption, HasNoCheckpointBeforeTheFirstWasWritten) {
  auto const world = Communicator::world();
  SharedFolder const place(world);
  RunFolder const folder(place / "run", Existing::resume, world);
  EXPECT_FALSE(last_checkpoint(folder, world));
  world.barrier();
  if (world.is_root()) {
    std::filesystem::create_directories(folder.checkpoints());
    write_native(folder.checkpoints() / "step-1.h5", checkpoint());
    replace_link("step-1.h5", folder.checkpoints() / "last.h5");
  }
  world.barrier();
  ASSERT_TRUE(last_checkpoint(folder, world));
  EXPECT_EQ(last_checkpoint(folder, world)->facts["data"]["windows"], 13);
}

}  // namespace
}  // namespace eddyline
