// The program on a GPU: it learns and forecasts what it does on the processor, and goes on bit for
// bit.
#include "tests/gpu.hpp"

#include <cmath>
#include <sstream>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/formats/rollout_reader.hpp"
#include "tests/apps/train_program.hpp"

namespace eddyline {
namespace {

/// Float32 sums in another order; after some steps of Adam small gradients differ in sign.
constexpr double kSteps = 1e-3;

class ProgramOnGpu : public TrainProgram {
 protected:
  void SetUp() override {
    if (!test_gpu()) {
      GTEST_SKIP() << needs_gpu();
    }
  }
  /// Losses of a run's rows.
  std::vector<double> losses(std::string const& name) const {
    std::istringstream table(read(folder_ / ("runs/" + name + "/metrics.csv")));
    std::vector<double> found;
    std::string line;
    for (std::getline(table, line); std::getline(table, line);) {
      auto const loss = line.substr(line.find(',', line.find(',') + 1) + 1);
      if (!loss.starts_with(',')) {  // as in rows of validation
        found.push_back(std::stod(loss));
      }
    }
    EXPECT_FALSE(found.empty()) << name;
    return found;
  }
  void expect_losses(std::string const& name, std::string const& of) const {
    auto const ours = losses(name), theirs = losses(of);
    ASSERT_EQ(ours.size(), theirs.size());
    for (size_t i = 0; i < ours.size(); ++i) {
      EXPECT_NEAR(ours[i], theirs[i], kSteps * theirs[i]) << name << ", row " << i;
    }
  }
  void train(std::string const& name, std::string const& settings, int ranks = 1) {
    ASSERT_EQ(run("train.steps=20 run.name=" + name + " " + settings, ranks), 0) << read(output());
  }
};

TEST_F(ProgramOnGpu, LearnsAsOnTheProcessor) {
  train("cpu", "run.device=cpu");
  train("gpu", "run.device=cuda");
  expect_losses("gpu", "cpu");
  EXPECT_NE(read(output()).find("rank 0 on cuda:0"), std::string::npos) << read(output());
  train("recompute", "run.device=cuda train.activations=recompute");
  expect_losses("recompute", "cpu");
  train("auto", "train.accumulate=2 train.ema.decay=0.9");
  train("accumulated", "run.device=cpu train.accumulate=2 train.ema.decay=0.9");
  expect_losses("auto", "accumulated");
}

TEST_F(ProgramOnGpu, GoesOnBitForBit) {
  auto const whole = std::string("run.device=cuda train.steps=40 run.name=");
  ASSERT_EQ(run(whole + "whole"), 0) << read(output());
  train("parts", "run.device=cuda");
  ASSERT_EQ(run(whole + "parts --resume"), 0) << read(output());
  auto const left = last("whole"), right = last("parts");
  for (auto const& [name, tensor] : left.tensors) {
    EXPECT_TRUE(at::equal(tensor, right.tensors.at(name))) << name;
  }
}

TEST_F(ProgramOnGpu, IsSharedByTheRanksOfASampleAndSaysSo) {
  train("whole", "run.device=cuda");
  train("split", "run.device=cuda parallel.domain=[1,1,2]", 2);
  EXPECT_NE(read(output()).find("2 ranks share 1 GPUs of a node"), std::string::npos);
  EXPECT_NE(read(output()).find("through host memory"), std::string::npos) << read(output());
  expect_losses("split", "whole");
}

TEST_F(ProgramOnGpu, RollsOutAndScoresAsOnTheProcessor) {
  train("model", "run.device=cuda");
  auto const model = " model=" + (folder_ / "runs/model/checkpoints/last.h5").string();
  std::vector<at::Tensor> forecasts;
  std::vector<double> scores;
  verb_ = "rollout";
  for (std::string const device : {"cpu", "cuda"}) {
    auto const out = folder_ / concat("rollout", forecasts.size());
    ASSERT_EQ(run("steps=12 split=all out=" + out.string() + " device=" + device + model), 0)
        << read(output());
    auto const reader = open_rollout({.path = out});
    auto const frames = reader->spec().trajectories.at(0).frames();
    auto const shape = reader->spec().grid.shape();
    forecasts.push_back(at::empty(
        {frames, reader->spec().fields.channels(), shape[0], shape[1], shape[2]}, at::kDouble));
    reader->read({0, 0, frames, 1}, {{0, 0, 0}, shape}, forecasts.back());
  }
  EXPECT_LE((forecasts[1] - forecasts[0]).abs().max().item<double>(),
            kSteps * forecasts[0].abs().max().item<double>());
  verb_ = "evaluate";
  for (std::string const device : {"cpu", "cuda"}) {
    auto const out = folder_ / (device + ".json");
    ASSERT_EQ(run("horizon=3 split=all out=" + out.string() + " device=" + device + model), 0)
        << read(output());
    auto const table = nlohmann::json::parse(read(out)).flatten();
    ASSERT_FALSE(table.empty());
    scores.push_back(0);
    for (auto const& [key, value] : table.items()) {
      scores.back() += value.is_number_float() && key.find("seconds") == std::string::npos
                           ? value.get<double>()
                           : 0;
    }
  }
  EXPECT_NEAR(scores[1], scores[0], kSteps * std::abs(scores[0]));
}

/// Where the build has ParaView.
class CatalystProgramOnGpu : public ProgramOnGpu {};

TEST_F(CatalystProgramOnGpu, HandsOverTheFramesThatItDoesOnTheProcessor) {
  train("model", "run.device=cuda");
  verb_ = "rollout";
  for (std::string const device : {"cpu", "cuda"}) {
    ASSERT_EQ(run("steps=2 split=all catalyst.script=extract device=" + device +
                  " out=" + (folder_ / device).string() +
                  " model=" + (folder_ / "runs/model/checkpoints/last.h5").string()),
              0)
        << read(output());
  }
  std::ofstream(folder_ / "compare.py") << R"(
import sys
import numpy
from paraview.simple import *
from paraview import servermanager
from vtkmodules.util.numpy_support import vtk_to_numpy
def values(device):
    data = servermanager.Fetch(OpenDataFile(sys.argv[1] + device + '/catalyst/extract_000002.pvti')).GetPointData()
    return numpy.stack([vtk_to_numpy(data.GetArray(i)) for i in range(data.GetNumberOfArrays())])
ours, theirs = values('/cuda'), values('/cpu')
print(abs(ours - theirs).max() <= float(sys.argv[2]) * abs(theirs).max() > 0)
)";
  auto const compared = concat("env -u DISPLAY pvpython ",
                               (folder_ / "compare.py").string(),
                               " ",
                               folder_.path().string(),
                               " ",
                               kSteps,
                               " | grep -x True > /dev/null");
  EXPECT_EQ(std::system(compared.c_str()), 0);
}

}  // namespace
}  // namespace eddyline
