// `eddyline train` as a user runs it: signals, resumption, the run folder.
#include <algorithm>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/stored_model.hpp"
#include "tests/apps/train_program.hpp"
#include "tests/places.hpp"
#include "tests/workflows/rollout/small_model.hpp"
#include "workflows/compatibility.hpp"

namespace eddyline {
namespace {

class TrainVerb : public TrainProgram {
 protected:
  /// Waits for the end of a job of which one rank was killed, and expects it soon.
  void expect_end_that_names_rank(int rank, pid_t pid) const {
    auto const killed = std::chrono::steady_clock::now();
    EXPECT_EQ(wait_for(pid), 128 + SIGKILL) << read(output());
    EXPECT_LT(std::chrono::steady_clock::now() - killed, std::chrono::seconds(20))
        << "2 s are usual";
    EXPECT_NE(read(output()).find(concat("process rank ", rank, " with")), std::string::npos)
        << read(output());
    EXPECT_NE(read(output()).find("exited on signal 9 (Killed)"), std::string::npos)
        << read(output());
  }
};

void expect_equal_tensors(NativeCheckpoint const& left, NativeCheckpoint const& right) {
  ASSERT_EQ(left.tensors.size(), right.tensors.size());
  for (auto const& [name, tensor] : left.tensors) {
    EXPECT_TRUE(at::equal(tensor, right.tensors.at(name))) << name;
  }
}

int64_t step_of(NativeCheckpoint const& checkpoint) {
  return checkpoint.facts["training"]["state"]["step"];
}

TEST_F(TrainVerb, SavesAtEverySignalThatIsNamedAndGoesOnBitForBit) {
  ASSERT_EQ(run("run.name=whole"), 0) << read(output());
  auto resume = std::string();
  for (auto const signal : {SIGUSR1, SIGTERM}) {
    auto const pid = start("run.name=parts" + resume);
    wait_for_steps("parts", resume.empty() ? 0 : step_of(last("parts")));
    kill(pid, signal);
    ASSERT_EQ(wait_for(pid), 75) << read(output());
    EXPECT_LT(step_of(last("parts")), 120);
    resume = " --resume";
  }
  ASSERT_EQ(run("run.name=parts --resume"), 0) << read(output());
  EXPECT_EQ(step_of(last("parts")), 120);
  expect_equal_tensors(last("whole"), last("parts"));
}

// Two ranks do so in SlowDisk.
TEST_F(TrainVerb, StopsAllRanksWhenMpirunGetsASignalAndGoesOnBitForBit) {
  std::string const settings = "train.steps=60 train.bucket_megabytes=0.02 ";
  ASSERT_EQ(run(settings + "run.name=whole", 4), 0) << read(output());
  auto const pid = start(settings + "run.name=parts", 4);
  wait_for_steps("parts");
  kill(pid, SIGUSR1);
  ASSERT_EQ(wait_for(pid), 75) << read(output());
  EXPECT_LT(step_of(last("parts")), 60);
  ASSERT_EQ(run(settings + "run.name=parts --resume", 4), 0) << read(output());
  EXPECT_NE(read(output()).find("gradient buckets"), std::string::npos) << read(output());
  expect_equal_tensors(last("whole"), last("parts"));
}

/// Processes whose parent is `pid`.
std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  for (auto const& entry : std::filesystem::directory_iterator("/proc")) {
    if (!std::isdigit(entry.path().filename().string().front())) {
      continue;
    }
    auto const stat = read(entry.path() / "stat");  // "12 (eddyline) S 11 …"
    auto const name_end = stat.rfind(") ");
    if (name_end != std::string::npos && std::atoi(stat.c_str() + name_end + 4) == pid) {
      children.push_back(std::atoi(entry.path().filename().c_str()));
    }
  }
  return children;
}

TEST_F(TrainVerb, StopsAllRanksWhenOneOfThemGetsSigterm) {
  auto const pid = start("run.name=one train.steps=5000", 2);
  wait_for_steps("one");
  auto const ranks = children_of(pid);
  ASSERT_EQ(ranks.size(), 2U);
  kill(ranks[1], SIGTERM);
  ASSERT_EQ(wait_for(pid), 75) << read(output());
  EXPECT_GT(step_of(last("one")), 0);
}

class SlowDisk : public TrainVerb {
 protected:
  SlowDisk() { environment_ = "LD_PRELOAD=" EDDYLINE_SLOW_DISK " "; }

  static constexpr char const* kSettings =
      " train.steps=30 train.validate.every_epochs=0 train.checkpoint.every_epochs=10";

  /// Starts on 2 ranks and returns while the second checkpoint, of step 20, is written.
  pid_t start_until_it_writes(std::string const& name) {
    auto const pid = start("run.name=" + name + kSettings, 2);
    auto const folder = folder_ / ("runs/" + name + "/checkpoints");
    auto const is_writing = [&] {
      return std::filesystem::exists(folder / "step-00000020.h5.tmp");
    };
    for (int i = 0; i < 1200 && !is_writing(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_TRUE(is_writing()) << read(output());
    return pid;
  }
};

TEST_F(SlowDisk, FinishesTheCheckpointThatASignalMeetsAndGoesOnBitForBit) {
  auto const pid = start_until_it_writes("slow");
  kill(pid, SIGUSR1);
  ASSERT_EQ(wait_for(pid), 75) << read(output());
  EXPECT_EQ(step_of(read_native(folder_ / "runs/slow/checkpoints/step-00000020.h5")), 20);
  EXPECT_EQ(step_of(last("slow")), 21) << "stopped at the next step";
  environment_ = "";
  ASSERT_EQ(run(concat("run.name=slow --resume", kSettings), 2), 0) << read(output());
  ASSERT_EQ(run(concat("run.name=whole", kSettings), 2), 0) << read(output());
  expect_equal_tensors(last("whole"), last("slow"));
}

// mpirun does not hand SIGTERM on: it ends the job, and each rank has odls_base_sigkill_timeout
// seconds from its SIGTERM to its SIGKILL: 1 by default, too few here, and nothing else saves.
TEST_F(SlowDisk, SavesWhenMpirunEndsTheJobAndGivesItTime) {
  launch_options_ = "--mca odls_base_sigkill_timeout 4";
  std::string const settings =
      "run.name=ended train.validate.every_epochs=0 train.checkpoint.every_epochs=0 train.steps=";
  auto const pid = start(settings + "5000", 2);
  wait_for_steps("ended");
  kill(pid, SIGTERM);
  EXPECT_NE(wait_for(pid), 0);
  EXPECT_NE(read(folder_ / "runs/ended/log.txt").find("stopped by SIGTERM at step"),
            std::string::npos)
      << read(output());
  auto const saved = step_of(last("ended"));
  launch_options_ = environment_ = "";
  EXPECT_EQ(run(concat(settings, saved + 2, " --resume"), 2), 0) << read(output());
}

TEST_F(SlowDisk, KeepsTheCheckpointBeforeWhenARankIsKilledWhileItWrites) {
  auto const pid = start_until_it_writes("cut");
  auto const ranks = children_of(pid);
  ASSERT_EQ(ranks.size(), 2U);
  kill(*std::min_element(ranks.begin(), ranks.end()), SIGKILL);  // rank 0 writes
  expect_end_that_names_rank(0, pid);
  EXPECT_EQ(step_of(last("cut")), 10);
  environment_ = "";
  EXPECT_EQ(run(concat("run.name=cut --resume", kSettings), 2), 0) << read(output());
}

TEST_F(TrainVerb, EndsWithinSecondsNamingTheRankThatWasKilled) {
  auto const pid = start("run.name=killed train.steps=5000", 2);
  wait_for_steps("killed");
  auto const ranks = children_of(pid);
  ASSERT_EQ(ranks.size(), 2U);
  kill(*std::max_element(ranks.begin(), ranks.end()), SIGKILL);
  expect_end_that_names_rank(1, pid);
  auto const saved = step_of(last("killed"));
  EXPECT_GT(saved, 0);
  EXPECT_EQ(run(concat("run.name=killed --resume train.steps=", saved + 2), 2), 0)
      << read(output());
}

TEST_F(TrainVerb, SavesAtTheFileStopTakesItAwayAndGoesOn) {
  auto const pid = start("run.name=file train.steps=5000", 2);
  wait_for_steps("file");
  auto const file = folder_ / "runs/file/STOP";
  std::ofstream(file) << "";
  ASSERT_EQ(wait_for(pid), 75) << read(output());
  EXPECT_NE(read(output()).find("stopped by the file STOP at step"), std::string::npos)
      << read(output());
  EXPECT_FALSE(std::filesystem::exists(file));
  auto const saved = step_of(last("file"));
  EXPECT_EQ(run(concat("run.name=file --resume train.steps=", saved + 2), 2), 0) << read(output());
}

TEST_F(TrainVerb, SavesAtItsTimeLimitAndGoesOn) {
  ASSERT_EQ(run("run.name=late train.steps=5000 train.time_limit=0.5", 2), 75) << read(output());
  EXPECT_NE(read(output()).find("stopped by train.time_limit at step"), std::string::npos)
      << read(output());
  auto const saved = step_of(last("late"));
  EXPECT_EQ(run(concat("run.name=late --resume train.steps=", saved + 2), 2), 0) << read(output());
}

TEST_F(TrainVerb, WarnsWhenOtherKernelsGoOn) {
  ASSERT_EQ(run("run.name=k train.steps=2"), 0) << read(output());
  auto checkpoint = last("k");
  checkpoint.facts["run"]["kernels"]["instructions"] = "SSE9";
  write_native(folder_ / "runs/k/checkpoints/step-00000002.h5", checkpoint);
  EXPECT_EQ(run("run.name=k train.steps=3 --resume"), 0) << read(output());
  EXPECT_NE(read(output()).find("instead of 'SSE9'"), std::string::npos) << read(output());
}

TEST_F(TrainVerb, LearnsAndLeavesAWholeRunFolder) {
  ASSERT_EQ(run("run.name=a train.steps=150"), 0) << read(output());
  auto const checkpoint = last("a");
  auto const model = checkpoint.facts["validation"]["vrmse.well"][0].get<double>();
  auto const persistence =
      checkpoint.facts["validation"]["persistence_vrmse.well"][0].get<double>();
  EXPECT_LT(model, 5 * persistence);  // a few steps of a tiny network: learned, if not yet well
  EXPECT_LT(model, 1);
  for (auto const* name :
       {"config.yaml", "manifest.json", "log.txt", "metrics.csv", "checkpoints/best.h5"}) {
    EXPECT_GT(std::filesystem::file_size(folder_ / ("runs/a/" + std::string(name))), 0U) << name;
  }
  std::filesystem::directory_iterator const files(folder_ / "runs/a");
  EXPECT_EQ(
      std::count_if(begin(files),
                    end(files),
                    [](auto const& file) {
                      return file.path().filename().string().starts_with("events.out.tfevents.") &&
                             file.file_size() > 0;
                    }),
      1)
      << "TensorBoard has nothing to show";
  auto const log = read(folder_ / "runs/a/log.txt");
  for (auto const* part : {"train 150/150, epoch ",
                           ", loss ",
                           " samples/s, data ",
                           " %, compute ",
                           " %, communication 0 %",
                           " GiB",
                           "checkpoints              other "}) {
    EXPECT_NE(log.find(part), std::string::npos) << part << " is not in\n" << log;
  }
  EXPECT_NE(load_model(checkpoint), nullptr);
  EXPECT_EQ(checkpoint.facts["data"]["window"]["history"], 1);
}

TEST_F(TrainVerb, WritesAllThatItsModelMeansAndThatResumingNeeds) {
  auto const data = testing_rollout::write_data(folder_ / "waves", /*interval=*/0.5);
  ASSERT_EQ(run("run.name=f train.seed=13 train.steps=4 train.batch=10 data.path=" + data.string() +
                " 'data.fields=[w,u]' data.fit=crop 'model.patch=[1,3,4]' train.target=increment "
                "'data.splits={by: trajectories, fractions: [1, 0, 0]}' "
                "'train.validate={every_epochs: 0}'"),
            0)
      << read(output());
  auto const facts = last("f").facts;
  auto const& training = facts["training"];
  EXPECT_EQ(training["state"]["step"], 4);  // 33 samples: 3 batches of 10 an epoch
  EXPECT_EQ(training["state"]["epoch"], 1);
  EXPECT_EQ(training["state"]["batch"], 1);
  EXPECT_TRUE(training["schedule"].is_object());
  EXPECT_TRUE(training["buckets"].is_array());
  EXPECT_EQ(facts["run"]["seed"], 13);
  EXPECT_EQ(facts["run"]["precision"], "fp32");
  EXPECT_FALSE(facts["run"]["kernels"]["instructions"].get<std::string>().empty());
  auto const learned = data_facts_from_json(facts["data"]);
  EXPECT_EQ(learned.step, 0.5);
  EXPECT_EQ(learned.time_unit, "s");
  EXPECT_EQ(learned.output_fields.channel_names(), (std::vector<std::string>{"w", "u"}));
  EXPECT_EQ(learned.output_fields.channel_units(), (std::vector<std::string>{"K", "K"}));
  EXPECT_EQ(learned.grid.shape(), (std::array<int64_t, 3>{1, 6, 8}));
  EXPECT_EQ(learned.grid.axis(1).spacing(), 1);
  EXPECT_EQ(learned.grid.axis(1).boundaries[0], Boundary::open) << "cropped";
  EXPECT_EQ(learned.grid.axis(2).boundaries[0], Boundary::periodic);
  EXPECT_EQ(facts["data"]["normalisation"], "dataset");
  EXPECT_EQ(facts["data"]["missing"], "refuse");
  EXPECT_EQ(facts["data"]["fit"]["mode"], "crop");
  EXPECT_EQ(facts["data"]["fit"]["size"], (std::vector<int64_t>{1, 6, 8}));
  EXPECT_EQ(facts["data"]["window"]["lead"], 1);
  auto const statistics = Statistics::from_json(facts["statistics"]);
  EXPECT_EQ(statistics.channels, (std::vector<std::string>{"w", "u"}));
  EXPECT_GT(statistics.std_delta[0], 0);
  auto const rule = target_rule_from_json(facts["target"]);
  EXPECT_EQ(rule.kind, TargetKind::increment);
  EXPECT_NEAR(rule.increments.at(statistics.dataset).scale[0][1].item<double>(),
              statistics.std_delta[1] / statistics.std[1],
              1e-6);
  EXPECT_TRUE(last("f").tensors.contains("optimiser/decoder.linear.weight/exp_avg_sq"));
}

TEST_F(TrainVerb, RefusesWhatTheUserCanFixWithExitCode2) {
  EXPECT_EQ(run("train.bach=3"), 2);
  EXPECT_NE(read(output()).find("batch"), std::string::npos) << read(output());
  EXPECT_EQ(run("model.surrogate=morf"), 2);
  EXPECT_NE(read(output()).find("morph"), std::string::npos) << read(output());
  ASSERT_EQ(run("run.name=b train.steps=2"), 0) << read(output());
  EXPECT_EQ(run("run.name=b train.steps=2"), 2);
  EXPECT_NE(read(output()).find("go on with --resume"), std::string::npos) << read(output());
  EXPECT_EQ(run("run.name=b train.steps=4 train.batch=4 --resume"), 2);
  EXPECT_NE(read(output()).find("train.batch: 4 instead of 8"), std::string::npos)
      << read(output());
  EXPECT_EQ(run("run.name=b train.steps=2 --overwrite"), 0) << read(output());
}

TEST_F(TrainVerb, StartsFromWeightsOfDataLikeItsOwnOnly) {
  ASSERT_EQ(run("run.name=c train.steps=2"), 0) << read(output());
  auto const from = " train.from=" + (folder_ / "runs/c/checkpoints/last.h5").string();
  EXPECT_EQ(run("run.name=d train.steps=2" + from), 0) << read(output());
  EXPECT_EQ(run("run.name=e train.steps=2 data.stride=2" + from), 2);
  EXPECT_NE(read(output()).find("allow: [step]"), std::string::npos) << read(output());
  EXPECT_EQ(run("run.name=e train.steps=2 data.stride=2 'train.allow=[step]'" + from), 0)
      << read(output());
}

TEST_F(TrainVerb, RecordsHowTheGridWasMadeToFit) {
  ASSERT_EQ(run("run.name=f train.steps=1 data.fit=crop 'model.patch=[1, 5, 5]'"), 0)
      << read(output());
  auto const fit = last("f").facts["data"]["fit"];
  EXPECT_EQ(fit["mode"], "crop");
  auto const original = fit["original"].get<std::array<int64_t, 3>>();
  for (size_t axis = 1; axis < 3; ++axis) {
    EXPECT_EQ(fit["size"][axis], original[axis] / 5 * 5);
    EXPECT_EQ(fit["first"][axis], original[axis] % 5 / 2);
  }
}

TEST_F(TrainVerb, ResumesFromTheFirstSubmissionOnEvenWhereItsFirstWeightsAreGone) {
  ASSERT_EQ(run("run.name=f train.steps=2"), 0) << read(output());
  auto const again =
      "run.name=g --resume train.from=" + (folder_ / "runs/f/checkpoints/last.h5").string() +
      " train.moments=keep ";
  ASSERT_EQ(run(again + "train.steps=2"), 0) << read(output());
  EXPECT_NE(read(output()).find("the run begins with its first step"), std::string::npos)
      << read(output());
  auto const moment = "optimiser/decoder.linear.weight/step";
  EXPECT_EQ(last("g").tensors.at(moment).item<float>(), 4) << "two steps of f, two of g";
  std::filesystem::remove_all(folder_ / "runs/f");
  ASSERT_EQ(run(again + "train.steps=4"), 0) << read(output());
  EXPECT_EQ(last("g").tensors.at(moment).item<float>(), 6);
}

TEST_F(TrainVerb, RefusesToResumeOnOtherData) {
  ASSERT_EQ(run("run.name=h train.steps=2"), 0) << read(output());
  std::filesystem::copy(source_file("tests/fixtures/formats/well/active_matter_mini"),
                        folder_ / "less",
                        std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(folder_ / "less/data/test");
  EXPECT_EQ(run("run.name=h train.steps=4 --resume data.path=" + (folder_ / "less").string()), 2);
  EXPECT_NE(read(output()).find("its place in the epoch means nothing there"), std::string::npos)
      << read(output());
}

TEST_F(TrainVerb, EndsWithFourWhenItDivergesAndKeepsTheLastGoodState) {
  for (int const ranks : {1, 2}) {
    EXPECT_EQ(
        run(concat("train.schedule.peak=1e30 train.log_every=1 train.checkpoint.every_steps=1 "
                   "run.name=",
                   ranks),
            ranks),
        4);
    for (auto const* part : {"is not finite at step", "lower train.schedule.peak"}) {
      EXPECT_NE(read(output()).find(part), std::string::npos) << read(output());
    }
  }
}

TEST_F(TrainVerb, PrintsItsConfigurationWithTheHelp) {
  EXPECT_EQ(run("--print-config"), 0);
  EXPECT_NE(read(output()).find("grow_every"), std::string::npos) << read(output());
}

}  // namespace
}  // namespace eddyline
