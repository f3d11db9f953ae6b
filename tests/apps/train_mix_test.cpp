// One training on several data sets with other fields and dimensions, as a user goes.
#include <gmock/gmock.h>

#include <fstream>

#include <gtest/gtest.h>

#include "data/pipeline/statistics.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "tests/apps/own_arrays.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

/// plane.h5 with u on 8 × 8, line.h5 with p on 16, wide.h5 with p and q on 8 × 16.
class TrainMix : public testing::Test {
 protected:
  TrainMix() {
    auto const waves = own_waves();  // 4 trajectories, 8 frames, 8 × 8
    add_array(Hdf5File::create(scratch_ / "plane.h5"), "u", waves);
    add_array(Hdf5File::create(scratch_ / "line.h5"), "p", waves.flatten(2).narrow(2, 0, 16));
    auto const wide = Hdf5File::create(scratch_ / "wide.h5");
    add_array(wide, "p", at::cat({waves, waves * 2}, 3));
    add_array(wide, "q", at::cat({waves * 3, waves}, 3));
  }

  static std::string set(std::string const& file,
                         std::string const& axes,
                         std::string const& fields) {
    std::string list;
    for (auto const field : fields) {
      list += concat(list.empty() ? "" : ", ", "{name: ", field, ", data: /", field, "}");
    }
    return concat(
        "{path: ", file, ", map: {axes: [sample, time, ", axes, "], fields: [", list, "]}");
  }
  std::string plane() const { return set(scratch_ / "plane.h5", "x, y", "u"); }
  std::string line() const { return set(scratch_ / "line.h5", "x", "p"); }
  std::string wide() const { return set(scratch_ / "wide.h5", "x, y", "pq"); }

  /// train.yaml with these sets of data.mix.
  void configure(std::string const& mix, std::string const& model) const {
    std::ofstream(scratch_ / "train.yaml")
        << "data:\n  format: hdf5\n  normalisation: window\n"
           "  splits: {by: trajectories, fractions: [0.5, 0.25, 0.25]}\n  mix:\n" +
               mix + "model: " + model +
               "\ntrain:\n  batch: 4\n  epochs: 2\n  log_every: 1\n"
               "  schedule: {kind: constant, peak: 1e-3}\nrun:\n  folder: " +
               scratch_ / "runs" + "\n";
  }
  Outcome eddyline(std::string const& arguments, int ranks = 1) const {
    return outcome_of(concat(
        "timeout 120 ", ranks > 1 ? mpirun(ranks) : std::string(), kProgram, " ", arguments));
  }
  Outcome train(std::string const& overrides, int ranks = 1) const {
    return eddyline(concat("train ", scratch_ / "train.yaml", " ", overrides), ranks);
  }
  /// Low-rank updates of those layers of the run "base".
  std::string adapted(std::string const& layers) const {
    return concat(" train.adapt.rank=2 'train.adapt.layers=[\"",
                  layers,
                  "\"]' train.from=",
                  scratch_ / "runs/base/checkpoints/best.h5");
  }
  /// Evaluates "base" with the adapter of another run.
  Outcome score(std::string const& run, std::string const& set) const {
    return eddyline(concat("evaluate horizon=3 split=valid --overwrite model=",
                           scratch_ / "runs/base/checkpoints/best.h5",
                           " adapter=",
                           scratch_ / ("runs/" + run + "/adapters/best.h5"),
                           " ",
                           set));
  }
  NativeCheckpoint last(std::string const& name) const {
    return read_native(scratch_ / ("runs/" + name + "/checkpoints/last.h5"));
  }

  Scratch scratch_;
};

constexpr char const* kMorph =
    "{surrogate: morph, dim: 16, heads: 2, depth: 1, mlp_dim: 16, heads_xa: 4, patch: [1, 8, 8], "
    "max_patches: 4}";
constexpr char const* kGphyt =
    "{surrogate: gphyt, hidden_dim: 24, mlp_dim: 32, num_heads: 2, num_layers: 1, patch: [1, 4, "
    "4], "
    "time_patch: 1, history: 2, positions: rope}";

TEST_F(TrainMix, LearnsOneNetworkOnALineAndAPlaneAndResumesBitForBit) {
  configure("    line: " + line() + ", weight: 2}\n    plane: " + plane() + ", strides: [1, 2]}\n",
            kMorph);
  auto const whole = train("run.name=whole", 2);
  ASSERT_EQ(whole.code, 0) << whole.text;
  // 2 of 4 series of 8 frames: 14 windows, and 12 more at stride 2; in batches of 4, weight 2.
  EXPECT_THAT(whole.text, HasSubstr("12 batches an epoch: line 6, plane 6"));
  ASSERT_EQ(train("run.name=parts train.steps=7", 2).code, 0);
  auto const resumed = train("run.name=parts train.steps=24 --resume", 2);
  ASSERT_EQ(resumed.code, 0) << resumed.text;
  auto const left = last("whole"), right = last("parts");
  EXPECT_EQ(right.facts["training"]["state"]["step"], 24);
  for (auto const& [name, tensor] : left.tensors) {
    EXPECT_TRUE(at::equal(tensor, right.tensors.at(name))) << name;
  }
  EXPECT_TRUE(left.facts["statistics"].contains("line"));
  EXPECT_TRUE(left.facts["validation"]["losses"].contains("plane"));
  std::ifstream table(scratch_ / "runs/whole/metrics.csv");
  std::string head;
  std::getline(table, head);
  EXPECT_THAT(head, HasSubstr("valid_loss.line,valid_vrmse.well.line.p"));
}

TEST_F(TrainMix, ForecastsTheSetThatIsNamed) {
  configure("    plane: " + plane() + "}\n    wide: " + wide() + "}\n", kGphyt);
  auto const trained = train("run.name=g train.epochs=1");
  ASSERT_EQ(trained.code, 0) << trained.text;
  EXPECT_EQ(last("g").facts["target"]["fields"]["inputs"].size(), 3U) << "u, p and q";
  auto const model = "model=" + scratch_ / "runs/g/checkpoints/best.h5";
  auto const scored = eddyline("evaluate horizon=3 set=wide " + model);
  EXPECT_EQ(scored.code, 0) << scored.text;
  EXPECT_THAT(scored.text, testing::AllOf(HasSubstr("p"), HasSubstr("q")));
  auto const rolled = eddyline("rollout steps=3 split=valid set=plane " + model);
  EXPECT_EQ(rolled.code, 0) << rolled.text;
  auto const unnamed = eddyline("rollout steps=3 " + model);
  EXPECT_EQ(unnamed.code, 2);
  EXPECT_THAT(unnamed.text,
              HasSubstr("choose the one to use it on: set is ''; allowed: plane, wide"));
}

TEST_F(TrainMix, UsesANetworkOfAnyFieldsOnEachSetAsItsOwn) {
  configure("    line: " + line() + "}\n    wide: " + wide() + "}\n", kMorph);
  auto const trained = train("run.name=m train.epochs=1 train.ema.decay=0.9");
  ASSERT_EQ(trained.code, 0) << trained.text;
  auto const model = "model=" + scratch_ / "runs/m/checkpoints/best.h5";
  for (std::string const arguments :
       {"evaluate set=line weights=plain", "evaluate set=wide --overwrite"}) {
    auto const scored = eddyline(arguments + " horizon=3 " + model);
    EXPECT_EQ(scored.code, 0) << scored.text;
  }
}

TEST_F(TrainMix, LearnsIncrementsInTheScaleOfEachSet) {
  configure("    plane: " + plane() + ", strides: [1, 2]}\n    wide: " + wide() + "}\n", kGphyt);
  auto const trained = train("run.name=i train.target=increment model.integrator=none", 2);
  ASSERT_EQ(trained.code, 0) << trained.text;
  auto const facts = last("i").facts;
  for (auto const* set : {"plane", "wide"}) {
    auto const statistics = Statistics::from_json(facts["statistics"], set);
    auto const scale = facts["target"]["sets"][set]["scale"].get<std::vector<float>>();
    ASSERT_EQ(scale.size(), statistics.std.size());
    EXPECT_FLOAT_EQ(scale[0], static_cast<float>(statistics.std_delta[0] / statistics.std[0]));
    auto const scored = eddyline(concat("evaluate horizon=3 data.stride=1 --overwrite set=",
                                        set,
                                        " model=",
                                        scratch_ / "runs/i/checkpoints/best.h5"));
    EXPECT_EQ(scored.code, 0) << scored.text;
  }
}

TEST_F(TrainMix, TunesItsModelOnTheMix) {
  for (auto const& [model, layers] :
       {std::pair(kGphyt, "*to_qkv"), std::pair(kMorph, "*attn_w.q")}) {
    configure("    plane: " + plane() + "}\n    wide: " + wide() + "}\n", model);
    ASSERT_EQ(train("--overwrite train.epochs=1 run.name=base").code, 0);
    auto const tuned = train("--overwrite run.name=tuned train.epochs=1" + adapted(layers), 2);
    ASSERT_EQ(tuned.code, 0) << tuned.text;
    auto const scored = score("tuned", "set=wide");
    EXPECT_EQ(scored.code, 0) << scored.text;
  }
  auto const unnamed = score("tuned", "");
  EXPECT_EQ(unnamed.code, 2);
  EXPECT_THAT(unnamed.text, HasSubstr("choose the one to use it on"));
}

TEST_F(TrainMix, TunesItsModelOnOneSetWithTheFieldsOfAll) {
  configure("    plane: " + plane() + "}\n    wide: " + wide() + "}\n", kGphyt);
  ASSERT_EQ(train("train.epochs=1 run.name=base").code, 0);
  configure("    wide: " + wide() + "}\n", kGphyt);
  auto const tuned = train("run.name=tuned train.epochs=1" + adapted("*to_qkv"));
  ASSERT_EQ(tuned.code, 0) << tuned.text;
  EXPECT_EQ(last("tuned").facts["target"]["fields"]["inputs"].size(), 3U) << "u, p and q";
  auto const scored = score("tuned", "set=wide");
  EXPECT_EQ(scored.code, 0) << scored.text;
  auto const resumed = train("run.name=tuned train.epochs=2 --resume" + adapted("*to_qkv"));
  EXPECT_EQ(resumed.code, 0) << resumed.text;
}

TEST_F(TrainMix, TellsWhatCannotBeMixed) {
  configure("    plane: " + plane() + "}\n    wide: " + wide() + "}\n", kGphyt);
  auto const unknown = train("run.name=u data.mix.plane.strid=2");
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.text, HasSubstr("data.mix.plane"));
}

}  // namespace
}  // namespace eddyline
