#include "workflows/rollout/run_rollout.hpp"

#include <gmock/gmock.h>

#include <map>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/log.hpp"
#include "data/formats/rollout_reader.hpp"
#include "tests/message_of.hpp"
#include "tests/workflows/rollout/small_model.hpp"

namespace eddyline {
namespace {

using namespace testing_rollout;
using testing::HasSubstr;

RolloutConfig config_in(std::filesystem::path const& folder) {
  RolloutConfig config;
  config.model = (folder / "run" / "checkpoints" / "best.h5").string();
  config.split = Split::all;
  config.steps = 8;
  config.segment = 3;
  config.device = DeviceKind::cpu;
  return config;
}

/// All frames of a rollout: (B, T, C, D, H, W).
at::Tensor frames_of(std::filesystem::path const& folder, at::ScalarType type = at::kFloat) {
  auto const reader = open_rollout({.path = folder});
  auto const& spec = reader->spec();
  auto const frames = spec.trajectories[0].frames();
  auto all = at::empty(
      {static_cast<int64_t>(spec.trajectories.size()), frames, spec.fields.channels(), 1, 8, 8},
      type);
  for (int64_t b = 0; b < all.size(0); ++b) {
    reader->read({b, 0, frames, 1}, {{0, 0, 0}, {1, 8, 8}}, all[b]);
  }
  return all;
}

TEST(RunRollout, WritesPredictionTruthAndErrorSideBySide) {
  auto const folder = prepare("side_by_side");
  auto const world = Communicator::world();
  EXPECT_EQ(run_rollout(config_in(folder), Existing::refuse, world), ExitCode::done);
  auto const reader = open_rollout({.path = folder / "run" / "rollout"});
  EXPECT_EQ(reader->spec().fields.channel_names(),
            (std::vector<std::string>{"u", "w", "u_truth", "w_truth", "u_error", "w_error"}));
  auto const all = frames_of(folder / "run" / "rollout");
  ASSERT_EQ(all.sizes().vec(), (std::vector<int64_t>{3, 9, 6, 1, 8, 8}));
  EXPECT_TRUE(at::equal(all[1][0].narrow(0, 0, 2), wave(1, 1)))
      << "step 0 is the newest given frame";
  EXPECT_TRUE(at::equal(all[2][5].narrow(0, 2, 2), wave(2, 6)));
  EXPECT_TRUE(at::equal(all.narrow(2, 4, 2), all.narrow(2, 0, 2) - all.narrow(2, 2, 2)));
  EXPECT_GT(all.narrow(2, 4, 2).narrow(1, 1, 8).abs().max().item<float>(), 1e-3)
      << "an untrained network errs";
}

TEST(RunRollout, GoesOnBeyondTheTruth) {
  auto const folder = prepare("beyond");
  auto config = config_in(folder);
  config.steps = 40;
  config.every = 10;
  config.out = (folder / "long").string();
  auto const world = Communicator::world();
  run_rollout(config, Existing::refuse, world);
  EXPECT_EQ(frames_of(folder / "long").sizes().vec(), (std::vector<int64_t>{3, 5, 2, 1, 8, 8}));
}

TEST(RunRollout, IsReadAgainAsDataOfItsOwnModel) {
  auto const folder = prepare("again");
  auto const world = Communicator::world();
  auto config = config_in(folder);
  config.truth = TruthKind::off;
  config.trajectories = {2, 1};
  run_rollout(config, Existing::refuse, world);
  DataConfig data;
  data.path = (folder / "run" / "rollout").string();
  data.time_features = {"hour_of_day"};
  Dataset set(data, Split::all, {}, {1, 8, 8}, world);
  EXPECT_EQ(set.source().time_origin, "2019-03-01 06:00:00");
  EXPECT_EQ(set.source().calendar, "noleap");
  EXPECT_EQ(set.batch_spec()->scalars, (std::vector<std::string>{"speed", "depth"}));
  EXPECT_TRUE(at::equal(set.scalars({0, 0, 1, 1}), at::tensor({1.0F, 4.0F}).view({1, 2})));
  EXPECT_TRUE(at::equal(set.constants(1), at::full({1, 1, 8, 8}, 1.0F)));
  EXPECT_NEAR(set.known_at(0, {0})[0][0].max().item<float>(), 1, 1e-6) << "sine of 06:00";
  config.data.text = "path: " + data.path;
  config.trajectories = {};
  config.out = (folder / "again").string();
  EXPECT_EQ(run_rollout(config, Existing::refuse, world), ExitCode::done);
}

TEST(RunRollout, StartsFromAsManyFramesAsTheNetworkReads) {
  auto const folder = prepare("start_only");
  auto const world = Communicator::world();
  world.together([&] {
    if (world.is_root()) {
      write_model(folder / "one", folder / "data", {});  // history 1
      write_data(folder / "frame", 0.5, -1, /*frames=*/1);
      write_data(folder / "frames", 0.5, -1, /*frames=*/2);
    }
  });
  auto config = config_in(folder);
  config.steps = 3;
  for (auto const& [model, data] : {std::pair("one", "frame"), std::pair("run", "frames")}) {
    config.model = (folder / model / "checkpoints" / "best.h5").string();
    config.data.text = "path: " + (folder / data).string();
    config.out = (folder / "out" / data).string();
    ASSERT_EQ(run_rollout(config, Existing::refuse, world), ExitCode::done);
    auto const first = std::string(data) == "frame" ? 0.0 : 0.5;
    EXPECT_EQ(open_rollout({.path = config.out})->spec().trajectories[0].times,
              (std::vector<double>{first, first + 0.5, first + 1, first + 1.5}))
        << "a step is the training's";
  }
}

TEST(RunRollout, StepsByTheLeadThatTheNetworkWasTrainedWith) {
  auto const folder = prepare("lead");
  auto const world = Communicator::world();
  auto windows = two_frames();
  windows.input_stride = windows.lead = 3;  // stride stays 1
  world.together([&] {
    if (world.is_root()) {
      write_model(folder / "far", folder / "data", windows);
    }
  });
  auto config = config_in(folder);
  config.model = (folder / "far" / "checkpoints" / "best.h5").string();
  config.steps = 2;
  ASSERT_EQ(run_rollout(config, Existing::refuse, world), ExitCode::done);
  EXPECT_EQ(open_rollout({.path = folder / "far" / "rollout"})->spec().trajectories[0].times,
            (std::vector<double>{1.5, 3, 4.5}));
}

TEST(RunRollout, GoesOnBitForBit) {
  auto const folder = prepare("resume");
  auto const world = Communicator::world();
  auto config = config_in(folder);
  run_rollout(config, Existing::refuse, world);
  config.out = (folder / "broken").string();
  config.steps = 3;
  run_rollout(config, Existing::refuse, world);
  config.steps = 8;
  run_rollout(config, Existing::resume, world);
  EXPECT_TRUE(at::equal(frames_of(folder / "run" / "rollout"), frames_of(folder / "broken")));
}

TEST(RunRollout, DoesNotDependOnHowTrajectoriesAreGrouped) {
  constexpr double kRoundOff = 1e-5;  // other batch sizes order a product's sums otherwise
  auto const folder = prepare("groups");
  auto const world = Communicator::world();
  auto config = config_in(folder);
  run_rollout(config, Existing::refuse, world);
  config.out = (folder / "one_by_one").string();
  config.batch = 1;
  run_rollout(config, Existing::refuse, world);
  EXPECT_TRUE(at::allclose(
      frames_of(folder / "run" / "rollout"), frames_of(folder / "one_by_one"), 0, kRoundOff));
}

TEST(RunRollout, RefusesAFolderThatIsThereAndForeignOnes) {
  auto const folder = prepare("exists");
  auto const world = Communicator::world();
  auto config = config_in(folder);
  config.steps = 1;
  run_rollout(config, Existing::refuse, world);
  EXPECT_THAT(message_of([&] { run_rollout(config, Existing::refuse, world); }),
              HasSubstr("exists; go on in it with --resume, replace it with --overwrite"));
  run_rollout(config, Existing::overwrite, world);
  config.out = (folder / "run").string();
  EXPECT_THAT(message_of([&] { run_rollout(config, Existing::overwrite, world); }),
              HasSubstr("is not a rollout's; it is not touched"));
}

TEST(RunRollout, RefusesDataUnlikeTheTrainedOnesUnlessAllowed) {
  auto const folder = prepare("unlike");
  auto const world = Communicator::world();
  world.together([&] {
    if (world.is_root()) {
      write_data(folder / "slower", /*interval=*/2.0);
    }
  });
  auto config = config_in(folder);
  config.steps = 2;
  config.data.text = "path: " + (folder / "slower").string();
  EXPECT_THAT(message_of([&] { run_rollout(config, Existing::refuse, world); }), HasSubstr("step"));
  config.allow = {"step"};
  EXPECT_EQ(run_rollout(config, Existing::refuse, world), ExitCode::done);
}

TEST(RunRollout, EndsWithDivergedAndKeepsTheGoodFrames) {
  auto const folder = prepare("diverged");
  auto const world = Communicator::world();
  auto config = config_in(folder);
  world.together([&] {
    if (world.is_root()) {
      write_data(folder / "bad", 0.5, /*bad_frame=*/1);
    }
  });
  config.data.text = "path: " + (folder / "bad").string();
  config.out = (folder / "out").string();
  config.start = 0;
  config.truth = TruthKind::off;
  try {
    run_rollout(config, Existing::refuse, world);
    FAIL() << "no error";
  } catch (Diverged const& error) {
    EXPECT_THAT(error.what(), HasSubstr("'morph' is not finite (NaN or Inf) at step 1 of 8"));
  }
  EXPECT_EQ(open_rollout({.path = folder / "out"})->spec().trajectories[0].frames(), 1);
}

TEST(RunRollout, WritesLandAsMissingAtEveryStep) {
  auto const folder = prepare("land");
  auto const world = Communicator::world();
  auto land = at::zeros({8, 8}, at::kBool);
  land.slice(0, 2, 5).slice(1, 3, 6).fill_(true);
  world.together([&] {
    if (world.is_root()) {
      write_data(folder / "sea", 0.5, -1, kFrames, land);
    }
  });
  auto config = config_in(folder);
  config.data.text = "{path: " + (folder / "sea").string() + ", missing: mask}";
  config.steps = 3;
  ASSERT_EQ(run_rollout(config, Existing::refuse, world), ExitCode::done);
  config.steps = 6;
  ASSERT_EQ(run_rollout(config, Existing::resume, world), ExitCode::done);
  auto const missing = frames_of(folder / "run" / "rollout").isnan();
  EXPECT_TRUE(at::equal(missing, land.expand_as(missing))) << "there, and nowhere else";
}

TEST(RunRollout, LetsASolverStep) {
  auto const folder = prepare("solver");
  auto const world = Communicator::world();
  RolloutConfig config;
  config.solver = "diffusion_reaction";
  config.equation.text = "cells: [8, 8]\nframes: 11\nfinal_time: 0.5\n";
  config.seeds = {4, 5};
  config.steps = 3;
  config.out = (folder / "solved").string();
  EXPECT_EQ(run_rollout(config, Existing::refuse, world), ExitCode::done);
  auto const reader = open_rollout({.path = folder / "solved"});
  ASSERT_EQ(reader->spec().trajectories.size(), 2);
  EXPECT_NEAR(reader->spec().trajectories[1].times[3], 0.15, 1e-12);
  EXPECT_TRUE(at::isfinite(frames_of(folder / "solved")).all().item<bool>());
  EXPECT_FALSE(reader->spec().trajectories[0].parameters.empty());
}

RolloutConfig solver_config(std::filesystem::path const& out) {
  RolloutConfig config;
  config.solver = "diffusion_reaction";
  config.equation.text = "cells: [8, 8]\nframes: 11\nfinal_time: 0.5\n";
  config.seeds = {4, 5, 6, 7};
  config.steps = 7;
  config.segment = 2;
  config.out = out.string();
  return config;
}

TEST(RunRollout, LetsASolverGoOnBitForBitInOtherCompany) {
  auto const folder = prepare("solver_resume");
  auto const world = Communicator::world();
  run_rollout(solver_config(folder / "whole"), Existing::refuse, world);
  auto config = solver_config(folder / "broken");
  config.steps = 3;
  config.batch = 1;
  run_rollout(config, Existing::refuse, world);
  config.steps = 7;
  config.batch = 0;
  run_rollout(config, Existing::resume, world);
  EXPECT_TRUE(at::equal(frames_of(folder / "whole", at::kDouble),
                        frames_of(folder / "broken", at::kDouble)));
}

/// When each closed segment was written.
std::map<std::string, std::filesystem::file_time_type> segments_of(
    std::filesystem::path const& folder) {
  std::map<std::string, std::filesystem::file_time_type> times;
  for (auto const& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("segment-")) {
      times[entry.path().string()] = entry.last_write_time();
    }
  }
  return times;
}

TEST(RunRollout, LosesNoClosedSegmentWhenItGoesOnWithOtherRanks) {
  auto const folder = prepare("other_ranks");
  auto const world = Communicator::world();
  auto config = solver_config(folder / "killed");
  config.batch = 1;
  run_rollout(config, Existing::refuse, world);
  auto const whole = frames_of(folder / "killed", at::kDouble);
  world.barrier();
  if (!world.is_root()) {
    return;
  }
  // What a kill in the second of two groups leaves, when two ranks had a batch of one.
  RolloutFolder const killed(folder / "killed");
  killed.drop_after(1, 2);
  killed.drop_after(3, 2);
  auto const closed = segments_of(killed.path());
  config.batch = 0;
  run_rollout(config, Existing::resume, Communicator::self());
  EXPECT_TRUE(at::equal(frames_of(killed.path(), at::kDouble), whole));
  auto const after = segments_of(killed.path());
  for (auto const& [path, time] : closed) {
    EXPECT_EQ(after.at(path), time) << path << " was written anew";
  }
}

TEST(RunRollout, ClosesSegmentsBeforeTheirFramesNeedMoreMemoryThanAllowed) {
  auto const folder = prepare("by_bytes");
  auto const world = Communicator::world();
  auto config = solver_config(folder / "out");
  config.steps = 64;
  config.segment = 50;
  config.segment_mib = 16.0 / 1024;  // 16 frames of two fields of 8 x 8 numbers in float64
  run_rollout(config, Existing::refuse, world);
  auto const of_a_rank = (4 + world.size() - 1) / world.size();
  auto const steps = 16 / of_a_rank;
  EXPECT_EQ(RolloutFolder(config.out).segments(0).size(), static_cast<size_t>(64 / steps));
}

TEST(RunRollout, LeavesConfigurationManifestAndLog) {
  auto const folder = prepare("record");
  auto const world = Communicator::world();
  auto config = config_in(folder);
  config.steps = 2;
  run_rollout(config, Existing::refuse, world, {"steps=2"});
  config.steps = 4;
  run_rollout(config, Existing::resume, world, {"steps=4", "--resume"});
  detach_log_file();
  world.barrier();
  auto const files = RunFiles::in(folder / "run" / "rollout");
  EXPECT_THAT(read_text(files.config, 10000), HasSubstr("steps: 4"));
  auto const manifest = nlohmann::json::parse(read_text(files.manifest, 100000));
  EXPECT_EQ(manifest["verb"], "rollout");
  EXPECT_EQ(manifest["starts"].size(), 2);
  EXPECT_EQ(manifest["starts"][1]["arguments"][1], "--resume");
  EXPECT_THAT(manifest["data"].dump(), HasSubstr("best.h5"));
  EXPECT_GT(manifest["data"].size(), 3) << "the files of the data";
  auto const log = read_text(files.log, 100000);
  EXPECT_THAT(log, HasSubstr("rolling out 3 trajectories by 2 steps"));
  EXPECT_THAT(log, HasSubstr("rolling out 3 trajectories by 4 steps"));
}

TEST(RunRollout, SaysWhichKeyIsWrong) {
  auto const folder = prepare("keys");
  auto const world = Communicator::world();
  EXPECT_THAT(message_of([&] { run_rollout({}, Existing::refuse, world); }),
              HasSubstr("name a model or a solver"));
  EXPECT_THAT(
      message_of([&] { run_rollout({.solver = "x", .segment_mib = 0}, Existing::refuse, world); }),
      HasSubstr("segment_mib is 0; it must be above 0"));
  auto config = config_in(folder);
  config.trajectories = {7};
  EXPECT_THAT(message_of([&] { run_rollout(config, Existing::refuse, world); }),
              HasSubstr("trajectories names 7; the all part of 'waves' has 0 to 2"));
  config.trajectories = {};
  config.start = 11;
  EXPECT_THAT(message_of([&] { run_rollout(config, Existing::refuse, world); }),
              HasSubstr("start is 11: the 2 input frames leave"));
}

}  // namespace
}  // namespace eddyline
