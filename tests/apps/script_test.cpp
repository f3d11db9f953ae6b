// A network of one's own, from the command line: what a TorchScript file may do, and only when the
// user says so.
#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/apps/process.hpp"
#include "tests/apps/train_program.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

class ScriptVerb : public TrainProgram {
 protected:
  /// Writes the configuration of a run with the README's example as its network.
  ScriptVerb() {
    std::ofstream(folder_ / "train.yaml")
        << "data:\n  path: " << source_file("tests/fixtures/formats/well/active_matter_mini")
        << "\n  fields: [concentration]\n"
           "  splits: {by: trajectories, fractions: [0.67, 0.33, 0.0]}\n"
           "model: {surrogate: script, history: 2, file: "
        << source_file("tests/fixtures/script/net.pt")
        << "}\n"
           "train:\n  batch: 8\n  steps: 12\n  log_every: 5\n"
           "  schedule: {kind: constant, peak: 1e-3}\n"
           "run:\n  folder: "
        << (folder_ / "runs").string() << "\n";
  }
  Outcome verb(std::string const& words) const {
    return outcome_of("cd " + folder_.path().string() + " && " + kProgram + " " + words);
  }
  std::string model(std::string const& name) const {
    return "model=" + (folder_ / ("runs/" + name + "/checkpoints/best.h5")).string();
  }
};

TEST_F(ScriptVerb, EndsWithExitCode2WhereNobodyTrustsTheFile) {
  EXPECT_EQ(run("run.name=a"), 2);
  EXPECT_THAT(read(output()), HasSubstr("if you know who made it, add --trust to the command"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "runs/a/checkpoints/last.h5"));
  EXPECT_EQ(run("run.name=a", 2), 2) << "on two ranks";
  ASSERT_EQ(run("run.name=a --trust"), 0) << read(output());
  EXPECT_EQ(run("run.name=a --resume train.steps=14"), 2) << read(output());
  EXPECT_THAT(read(output()), HasSubstr("--trust"));
  for (auto const* verb_name : {"rollout", "evaluate"}) {
    auto const outcome = verb(concat(verb_name, " split=valid ", model("a")));
    EXPECT_EQ(outcome.code, 2) << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr("add --trust to the command"));
  }
}

TEST_F(ScriptVerb, TrainsResumesRollsOutAndEvaluatesWithTrust) {
  ASSERT_EQ(run("run.name=whole --trust"), 0) << read(output());
  ASSERT_EQ(run("run.name=parts --trust train.steps=5"), 0) << read(output());
  ASSERT_EQ(run("run.name=parts --trust --resume"), 0) << read(output());
  auto const whole = last("whole"), parts = last("parts");
  bool learned = false;
  for (auto const& [name, tensor] : whole.tensors) {
    EXPECT_TRUE(at::equal(tensor, parts.tensors.at(name))) << name;
    learned = learned || name == "model/read.weight";
  }
  EXPECT_TRUE(learned);
  auto const rollout = verb("rollout --trust split=valid steps=3 " + model("whole"));
  EXPECT_EQ(rollout.code, 0) << rollout.text;
  auto const scores = verb("evaluate --trust split=valid horizon=3 " + model("whole"));
  EXPECT_EQ(scores.code, 0) << scores.text;
  EXPECT_THAT(scores.text, HasSubstr("one step"));
}

TEST_F(ScriptVerb, TrainsDataParallelAsOnOneRank) {
  ASSERT_EQ(run("run.name=one --trust"), 0) << read(output());
  ASSERT_EQ(run("run.name=two --trust", 2), 0) << read(output());
  auto const one = last("one"), two = last("two");
  for (auto const& [name, tensor] : one.tensors) {
    if (name.starts_with("model/")) {
      // Adam's first steps have size 1e-3 whatever the gradient is: its round-off is divided by it.
      EXPECT_LE((tensor - two.tensors.at(name)).abs().max().item<double>(), 1e-4) << name;
    }
  }
}

TEST_F(ScriptVerb, IsNotRunByInspectAndConvert) {
  auto const file = source_file("tests/fixtures/script/net.pt");
  auto const inspected = verb("inspect " + file);
  EXPECT_EQ(inspected.code, 0) << inspected.text;
  EXPECT_THAT(inspected.text, HasSubstr("TorchScript module: code, of which nothing was run"));
  auto const converted = verb("convert " + file + " a.h5");
  EXPECT_EQ(converted.code, 2);
  EXPECT_THAT(converted.text, HasSubstr("it is a TorchScript module: code, which is not run here"));
  ASSERT_EQ(run("run.name=a --trust train.steps=1"), 0) << read(output());
  auto const checkpoint = (folder_ / "runs/a/checkpoints/last.h5").string();
  EXPECT_THAT(verb("inspect " + checkpoint).text, HasSubstr("network: script"));
  auto const exported = verb("convert " + checkpoint + " a.safetensors");
  EXPECT_EQ(exported.code, 0) << exported.text;
  EXPECT_THAT(exported.text, HasSubstr("4 tensors written to a.safetensors"));
}

}  // namespace
}  // namespace eddyline
