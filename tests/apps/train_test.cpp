// `eddyline train` as a user runs it: a process of its own, signals, exit codes, resumption.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/communicator.hpp"
#include "surrogates/stored_model.hpp"
#include "tests/workflows/tiny_data.hpp"

namespace eddyline {
namespace {

std::string read(std::filesystem::path const& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The program in a folder of its own. Its environment is bare, so that it is not taken for a rank
/// of this test.
class TrainVerb : public testing::Test {
 protected:
  TrainVerb() : self_(Communicator::self()), folder_(self_) {
    std::ofstream(folder_ / "train.yaml")
        << "data:\n"
           "  path: " EDDYLINE_SOURCE_DIR
           "/tests/fixtures/formats/well/active_matter_mini\n"
           "  fields: [concentration]\n"
           "  splits: {by: trajectories, fractions: [0.67, 0.33, 0.0]}\n"
           "model:\n"
           "  surrogate: morph\n"
           "  dim: 32\n  heads: 2\n  depth: 1\n  mlp_dim: 32\n  heads_xa: 4\n"
           "  patch: [1, 8, 8]\n  max_patches: 12\n"
           "train:\n"
           "  batch: 8\n  steps: 120\n  log_every: 5\n"
           "  schedule: {kind: constant, peak: 1e-3}\n"
           "  validate: {every_epochs: 5}\n"
           "run:\n"
           "  folder: " +
               folder_.path().string() + "/runs\n";
  }

  pid_t start(std::string const& arguments, int ranks = 1) {
    auto const launch = ranks == 1 ? std::string()
                                   : EDDYLINE_MPIRUN " -np " + std::to_string(ranks) +
                                         " --bind-to none --oversubscribe ";
    auto const command =
        "exec env -i HOME=/tmp PATH=\"$PATH\" OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 "
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 " +
        launch + EDDYLINE_PROGRAM " train " + (folder_ / "train.yaml").string() + " " + arguments +
        " > " + output().string() + " 2>&1";
    auto const pid = fork();
    if (pid == 0) {
      execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    return pid;
  }
  static int wait_for(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  int run(std::string const& arguments, int ranks = 1) { return wait_for(start(arguments, ranks)); }

  /// Waits until the run has written a row of its table, so that it is in the middle of its steps.
  void wait_for_steps(std::string const& name) const {
    for (int i = 0; i < 600; ++i) {
      auto const table = read(folder_ / ("runs/" + name + "/metrics.csv"));
      if (std::count(table.begin(), table.end(), '\n') >= 3) {
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ADD_FAILURE() << "no step within 30 s: " << read(output());
  }

  NativeCheckpoint last(std::string const& name) const {
    return read_native(folder_ / ("runs/" + name + "/checkpoints/last.h5"));
  }
  std::filesystem::path output() const { return folder_ / "output.txt"; }

  Communicator self_;
  tiny::Folder folder_;
};

TEST_F(TrainVerb, SavesAtASignalAndGoesOnBitForBit) {
  ASSERT_EQ(run("run.name=whole"), 0) << read(output());
  auto const pid = start("run.name=parts");
  wait_for_steps("parts");
  kill(pid, SIGUSR1);
  ASSERT_EQ(wait_for(pid), 75) << read(output());
  auto const stopped = last("parts").facts["training"]["state"]["step"].get<int64_t>();
  EXPECT_LT(stopped, 120);
  ASSERT_EQ(run("run.name=parts --resume"), 0) << read(output());
  auto const whole = last("whole");
  auto const parts = last("parts");
  EXPECT_EQ(parts.facts["training"]["state"]["step"], 120);
  for (auto const& [name, tensor] : whole.tensors) {
    EXPECT_TRUE(at::equal(tensor, parts.tensors.at(name))) << name;
  }
}

TEST_F(TrainVerb, StopsAllRanksWhenMpirunGetsASignal) {
  auto const pid = start("run.name=two train.steps=5000", 2);
  wait_for_steps("two");
  kill(pid, SIGUSR1);
  ASSERT_EQ(wait_for(pid), 75) << read(output());
  EXPECT_GT(last("two").facts["training"]["state"]["step"].get<int64_t>(), 0);
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
  EXPECT_NE(load_model(checkpoint), nullptr);
  EXPECT_EQ(checkpoint.facts["data"]["window"]["history"], 1);
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
  std::filesystem::copy(EDDYLINE_SOURCE_DIR "/tests/fixtures/formats/well/active_matter_mini",
                        folder_ / "less",
                        std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(folder_ / "less/data/test");
  EXPECT_EQ(run("run.name=h train.steps=4 --resume data.path=" + (folder_ / "less").string()), 2);
  EXPECT_NE(read(output()).find("its place in the epoch means nothing there"), std::string::npos)
      << read(output());
}

TEST_F(TrainVerb, PrintsItsConfigurationWithTheHelp) {
  EXPECT_EQ(run("--print-config"), 0);
  EXPECT_NE(read(output()).find("grow_every"), std::string::npos) << read(output());
}

}  // namespace
}  // namespace eddyline
