// Fine-tuning as a user runs it: an adapter of a base, and the verbs that take it.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/apps/train_program.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

/// Of float32 forecasts with the same weights in two processes, whose frozen forms may sum in
/// another order.
constexpr double kRoundOff = 1e-6;

/// The largest relative difference of numbers; 1 if anything else differs.
double difference(nlohmann::json const& left, nlohmann::json const& right) {
  auto const a = left.flatten(), b = right.flatten();
  double most = a.size() == b.size() ? 0 : 1;
  for (auto const& [key, value] : a.items()) {
    auto const other = b.contains(key) ? b[key] : nlohmann::json();
    if (value.is_number_float() && other.is_number_float()) {
      auto const x = value.get<double>(), y = other.get<double>();
      most = std::max(most, std::abs(x - y) / std::max({std::abs(x), std::abs(y), 1e-12}));
    } else if (value != other) {
      most = 1;
    }
  }
  return most;
}

class AdaptVerbs : public TrainProgram {
 protected:
  AdaptVerbs() : base_((folder_ / "runs/base/checkpoints/last.h5").string()) {}

  void train_base() { ASSERT_EQ(run("run.name=base train.steps=4"), 0) << read(output()); }
  std::string tuning(std::string const& name, int steps) const {
    return concat("run.name=",
                  name,
                  " train.steps=",
                  steps,
                  " train.from=",
                  base_,
                  " train.seed=5 train.adapt.rank=4 'train.adapt.layers=[\"*.mlp\"]' "
                  "'train.adapt.train=[decoder.linear]'");
  }
  std::string adapter(std::string const& name) const {
    return (folder_ / ("runs/" + name + "/adapters/last.h5")).string();
  }
  /// Runs another verb; what it says goes to output().
  int verb(std::string const& arguments) const {
    auto const status = std::system(
        concat(
            "OMP_NUM_THREADS=1 " EDDYLINE_PROGRAM " ", arguments, " > ", output().string(), " 2>&1")
            .c_str());
    return WEXITSTATUS(status);
  }
  nlohmann::json scores(std::string const& model) const {
    auto const out = (folder_ / "scores.json").string();
    EXPECT_EQ(verb(concat("evaluate split=valid horizon=2 'metrics=[vrmse.well]' --overwrite out=",
                          out,
                          " ",
                          model)),
              0)
        << read(output());
    auto scores = nlohmann::json::parse(read(out));
    scores.erase("model");
    scores.erase("adapter");
    return scores;
  }

  std::string base_;
};

TEST_F(AdaptVerbs, ForecastTheSameFromBaseAndAdapterAsFromOneFileOfBoth) {
  train_base();
  ASSERT_EQ(run(tuning("tuned", 6)), 0) << read(output());
  EXPECT_THAT(read(output()), HasSubstr("numbers are trained"));
  auto const tuned = last("tuned");
  auto const both = concat("model=", base_, " adapter=", adapter("tuned"));
  auto const whole = (folder_ / "whole.h5").string();
  ASSERT_EQ(verb(concat("convert ", base_, " ", whole, " adapter=", adapter("tuned"))), 0)
      << read(output());
  auto const merged = read_native(whole);
  for (auto const& [name, value] : merged.tensors) {
    EXPECT_TRUE(at::equal(value, tuned.tensors.at(name))) << name;
  }
  auto const expected = scores("model=" + whole);
  EXPECT_LT(difference(scores(both), expected), kRoundOff);
  auto const own = concat("model=", folder_.path().string(), "/runs/tuned/checkpoints/last.h5");
  EXPECT_LT(difference(scores(own), expected), kRoundOff);
  EXPECT_GT(difference(scores("model=" + base_), expected), 10 * kRoundOff);
  EXPECT_LT(std::filesystem::file_size(adapter("tuned")), std::filesystem::file_size(base_) / 2);
  ASSERT_EQ(verb(concat("rollout split=valid steps=2 ", both)), 0) << read(output());
  EXPECT_TRUE(std::filesystem::exists(folder_ / "runs/tuned/rollout/rollout.h5"));
  ASSERT_EQ(verb("inspect " + adapter("tuned")), 0) << read(output());
  EXPECT_THAT(read(output()), HasSubstr("adapter/transformer_blocks: 4 tensors"));
}

TEST_F(AdaptVerbs, ForecastWithTheAverageOrThePlainWeightsOfATuning) {
  train_base();
  ASSERT_EQ(run(tuning("tuned", 6) +
                " train.ema.decay=0.7 train.ema.warmup=false train.activations=recompute"),
            0)
      << read(output());
  auto const both = concat("model=", base_, " adapter=", adapter("tuned"));
  auto const whole = concat("model=", folder_.path().string(), "/runs/tuned/checkpoints/last.h5");
  auto const average = scores(whole), plain = scores(whole + " weights=plain");
  EXPECT_GT(difference(average, plain), 10 * kRoundOff);
  EXPECT_LT(difference(scores(both), average), kRoundOff);
  EXPECT_LT(difference(scores(both + " weights=plain"), plain), kRoundOff);
  auto const torch = (folder_ / "whole.pt").string();
  EXPECT_EQ(verb(concat("convert ", base_, " ", torch, " adapter=", adapter("tuned"))), 2);
  EXPECT_THAT(read(output()), HasSubstr("end the name with .h5, then convert that"));
}

TEST_F(AdaptVerbs, ResumeATuningBitForBitWithoutItsBase) {
  train_base();
  ASSERT_EQ(run(tuning("whole", 6)), 0) << read(output());
  ASSERT_EQ(run(tuning("parts", 3)), 0) << read(output());
  std::filesystem::remove_all(folder_ / "runs/base");
  ASSERT_EQ(run(tuning("parts", 6) + " --resume"), 0) << read(output());
  for (auto const* folder : {"checkpoints", "adapters"}) {
    auto const read = [&](std::string const& name) {
      return read_native(folder_ / concat("runs/", name, "/", folder, "/last.h5"));
    };
    auto const left = read("whole"), right = read("parts");
    ASSERT_EQ(left.tensors.size(), right.tensors.size());
    for (auto const& [name, value] : left.tensors) {
      EXPECT_TRUE(at::equal(value, right.tensors.at(name))) << name;
    }
    EXPECT_EQ(left.facts["adapter"], right.facts["adapter"]);
  }
}

TEST_F(AdaptVerbs, SayWhatDoesNotFit) {
  train_base();
  EXPECT_EQ(run("run.name=x 'train.adapt.layers=[\"*\"]'"), 2);
  EXPECT_THAT(read(output()), HasSubstr("name the model that is adapted in train.from"));
  EXPECT_EQ(run(concat("run.name=x train.from=", base_, " 'train.adapt.layers=[\"*.mpl\"]'")), 2);
  EXPECT_THAT(read(output()), HasSubstr("train.adapt.layers: '*.mpl' fits no parameter"));
  ASSERT_EQ(run(tuning("tuned", 2)), 0) << read(output());
  ASSERT_EQ(run("run.name=other train.steps=2 train.seed=9"), 0) << read(output());
  auto const other = concat(folder_.path().string(), "/runs/other/checkpoints/last.h5");
  EXPECT_EQ(verb(concat("rollout steps=1 model=", other, " adapter=", adapter("tuned"))), 2);
  EXPECT_THAT(read(output()), HasSubstr("the adapter was trained on the base '" + base_));
  EXPECT_EQ(verb(concat("evaluate model=", adapter("tuned"))), 2);
  EXPECT_THAT(read(output()), HasSubstr("give both, as model=BASE adapter=FILE"));
  EXPECT_EQ(verb(concat("rollout solver=diffusion_reaction out=x adapter=", adapter("tuned"))), 2);
  EXPECT_THAT(read(output()), HasSubstr("name its base in model, or leave it out"));
  EXPECT_EQ(run(concat("run.name=y train.from=", adapter("tuned"))), 2);
  EXPECT_THAT(read(output()), HasSubstr("it is an adapter, which holds no weights of its base"));
}

}  // namespace
}  // namespace eddyline
