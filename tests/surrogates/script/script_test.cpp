#include "surrogates/script/script.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/checkpoints/pytorch_file.hpp"
#include "surrogates/stored_model.hpp"
#include "surrogates/trust.hpp"
#include "tests/core/temporary_folder.hpp"
#include "tests/places.hpp"
#include "tests/surrogates/script/small_script.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

class ScriptTest : public testing::Test {
 protected:
  ScriptTest() { set_trust(Trust::given); }
  ~ScriptTest() override { set_trust(Trust::refused); }

  static SurrogateSpec spec() {
    FieldSet const fields({{.name = "u"}, {.name = "v"}});
    return {.input_fields = fields,
            .output_fields = fields,
            .constant_fields = FieldSet({{.name = "depth"}})};
  }
  static Batch batch() {
    return {.input = at::arange(48, at::kFloat).view({2, 1, 2, 1, 3, 4}),
            .constants = at::full({2, 1, 1, 3, 4}, 7.0),
            .lead_time = at::tensor({2.0F, 3.0F}),
            .sample_ids = {4, 5}};
  }
  /// The network of a file with that forward().
  Script make(std::string const& body, ScriptConfig config = {}) const {
    small_script(body).save(path_);
    config.file = path_;
    return Script(config, spec());
  }
  static std::string message_of(std::function<void()> const& action) {
    try {
      action();
    } catch (Error const& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryFolder folder_;
  std::string path_ = (folder_.path() / "net.pt").string();
};

TEST_F(ScriptTest, RunsNoCodeWithoutTrust) {
  small_script("return input").save(path_);
  set_trust(Trust::refused);
  EXPECT_THAT(message_of([&] { Script({.file = path_}, spec()); }),
              HasSubstr("if you know who made it, add --trust to the command"));
  EXPECT_THAT(message_of([&] { Script({.file = "/nowhere.pt"}, spec()); }), HasSubstr("--trust"))
      << "the file is not looked at before";
}

TEST_F(ScriptTest, ACheckpointOfItIsNotRunWithoutTrustEither) {
  auto const network = make("return input * self.weight");
  NativeCheckpoint checkpoint{.tensors = model_tensors(network)};
  store_model(checkpoint.facts,
              {.surrogate = "script", .config = network.config(), .spec = spec()});
  EXPECT_NE(load_model(checkpoint), nullptr);
  set_trust(Trust::refused);
  EXPECT_THAT(message_of([&] { load_model(checkpoint); }), HasSubstr("--trust"));
}

TEST_F(ScriptTest, PredictsWhatForwardGives) {
  auto network = make("return input[:, -1:] * self.weight * lead_time.view(-1, 1, 1, 1, 1, 1)");
  auto const lead = at::tensor({2.0F, 3.0F}).view({2, 1, 1, 1, 1, 1});
  EXPECT_TRUE(at::equal(network.predict(batch(), {}), batch().input * 0.5 * lead));
}

TEST_F(ScriptTest, LearnsThroughItsParameters) {
  auto network = make("return input * self.weight");
  network.predict(batch(), {}).sum().backward();
  auto const gradient = network.named_parameters()["weight"].grad();
  EXPECT_EQ(gradient.item<double>(), batch().input.sum().item<double>());
  at::NoGradGuard const no_grad;
  network.named_parameters()["weight"].fill_(2);
  EXPECT_TRUE(at::equal(network.predict(batch(), {}), 2 * batch().input));
}

TEST_F(ScriptTest, PutsConstantsIntoEveryFrameWhenAsked) {
  auto network = make("return self.weight * input[:, :, 2:].expand_as(input[:, :, :2])",
                      {.constants = Extras::fields});
  EXPECT_EQ(network.predict(batch(), {}).min().item<double>(), 3.5);
  auto without = batch();
  without.constants = at::Tensor();
  EXPECT_THAT(message_of([&] { network.predict(without, {}); }),
              HasSubstr("the batch has 0 constant fields, the model was made for 1"));
}

TEST_F(ScriptTest, FollowsTrainAndEval) {
  auto network = make("return input * self.weight if self.training else input");
  EXPECT_TRUE(at::equal(network.predict(batch(), {}), 0.5 * batch().input));
  network.eval();
  EXPECT_TRUE(at::equal(network.predict(batch(), {}), batch().input));
}

TEST_F(ScriptTest, DrawsTheSameNumbersForTheSameSeedStepAndSampleOnly) {
  auto network = make("return input * self.weight + torch.rand_like(input)");
  Context const first{.random = {.seed = 3, .step = 8}}, second{.random = {.seed = 3, .step = 9}};
  auto const drawn = network.predict(batch(), first);
  at::rand({5});
  EXPECT_TRUE(at::equal(network.predict(batch(), first), drawn));
  EXPECT_FALSE(at::equal(network.predict(batch(), second), drawn));
  auto other = batch();
  other.sample_ids = {6, 7};
  EXPECT_FALSE(at::equal(network.predict(other, first), drawn));
}

TEST_F(ScriptTest, LeavesTorchsOwnGeneratorAsItWas) {
  auto network = make("return input * self.weight + torch.rand_like(input)");
  auto generator = at::globalContext().defaultGenerator(at::kCPU);
  generator.set_current_seed(5);
  auto const expected = at::rand({4});
  generator.set_current_seed(5);
  network.predict(batch(), {});
  EXPECT_TRUE(at::equal(at::rand({4}), expected));
}

TEST_F(ScriptTest, DoesNotTrainWhatTheFileFreezes) {
  auto module = small_script("return input * self.weight");
  module.register_parameter("fixed", at::ones({1}), /*is_buffer=*/false);
  module.save(path_);
  Script const network({.file = path_}, spec());
  ASSERT_EQ(network.parameter_groups().size(), 1U);
  EXPECT_EQ(network.parameter_groups()[0].parameters, (std::vector<std::string>{"weight"}));
  EXPECT_TRUE(network.named_parameters().contains("fixed"));
}

TEST_F(ScriptTest, RefusesAnotherFileThanItsCheckpointWasMadeWith) {
  auto const config = make("return input * self.weight").config();
  small_script("return input + self.weight").save(path_);
  EXPECT_THAT(message_of([&] { Script(parse_config<ScriptConfig>(config, ""), spec()); }),
              HasSubstr("is not the file that the model was made with: its checksum is"));
}

TEST_F(ScriptTest, RefusesWhatIsNoTorchScript) {
  auto const state_dict = source_file("tests/fixtures/morph/scalar2d_ar1.pt");
  EXPECT_THAT(message_of([&] { Script({.file = state_dict}, spec()); }),
              HasSubstr("holds no TorchScript module; export one with torch.jit.script"));
  EXPECT_THAT(message_of([&] { Script({.file = "/nowhere.pt"}, spec()); }),
              HasSubstr("/nowhere.pt"));
  small_script("return input").save(path_);
  EXPECT_TRUE(is_torchscript(path_));
  EXPECT_THAT(message_of([&] { read_pytorch(path_); }),
              HasSubstr("it is a TorchScript module: code, which is not run here"));
}

TEST_F(ScriptTest, RefusesAnotherSignature) {
  torch::jit::Module module("net");
  module.register_parameter("weight", at::ones({1}), /*is_buffer=*/false);
  module.define("def forward(self, input):\n  return input\n");
  module.save(path_);
  EXPECT_THAT(message_of([&] { Script({.file = path_}, spec()); }),
              HasSubstr("has no method forward(input: Tensor, lead_time: Tensor) -> Tensor"));
}

TEST_F(ScriptTest, SaysWhatForwardGaveInsteadOfFrames) {
  auto narrow = make("return input[:, :, :1] * self.weight");
  EXPECT_THAT(message_of([&] { narrow.predict(batch(), {}); }),
              HasSubstr("gave a tensor (2, 1, 1, 1, 3, 4) for an input (2, 1, 2, 1, 3, 4); it must "
                        "give (B, To, Co, D, H, W) with 2 channels Co"));
  auto text = make("return 'no'");
  EXPECT_THAT(message_of([&] { text.predict(batch(), {}); }),
              HasSubstr("gave String for an input"));
}

TEST_F(ScriptTest, SaysWhyForwardFailed) {
  auto network = make("return input.view(5)");
  EXPECT_THAT(message_of([&] { network.predict(batch(), {}); }),
              testing::AllOf(HasSubstr("forward() of '"), HasSubstr("shape '[5]' is invalid")));
  auto long_history = make("return input", {.history = 3});
  EXPECT_THAT(message_of([&] { long_history.predict(batch(), {}); }),
              HasSubstr("the batch has 1 input frames, model.history is 3"));
}

}  // namespace
}  // namespace eddyline
