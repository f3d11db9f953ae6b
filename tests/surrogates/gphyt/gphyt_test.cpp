#include "surrogates/gphyt/gphyt.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

Axis axis(std::string const& name, int64_t size) {
  Axis made{.name = name, .coordinates = std::vector<double>(static_cast<size_t>(size))};
  std::iota(made.coordinates.begin(), made.coordinates.end(), 0.0);
  return made;
}

SurrogateSpec spec(int64_t fields, int64_t height, int64_t width) {
  std::vector<Field> all;
  for (int64_t f = 0; f < fields; ++f) {
    all.push_back({.name = concat("field", f)});
  }
  return {.input_fields = FieldSet(all),
          .output_fields = FieldSet(all),
          .grid = Grid({axis("x", height), axis("y", width)})};
}

GphytConfig tiny() {
  return {.hidden_dim = 12,
          .mlp_dim = 16,
          .num_heads = 2,
          .num_layers = 2,
          .patch = {1, 4, 4},
          .history = 3};
}

Batch batch_of(at::Tensor const& frames) {
  return {.input = frames.unsqueeze(3)};
}

int64_t count(Gphyt const& gphyt) {
  int64_t total = 0;
  for (auto const& parameter : gphyt.parameters()) {
    total += parameter.numel();
  }
  return total;
}

/// Parameters of the published size: blocks are alike, so two small networks tell of all.
int64_t published_count(GphytSize size) {
  GphytConfig config{.size = size, .num_layers = 1};
  auto const one = count(Gphyt(config, spec(5, 256, 128), 1));
  config.num_layers = 2;
  auto const two = count(Gphyt(config, spec(5, 256, 128), 1));
  return one + (two - one) * (shape_of(GphytConfig{.size = size}).num_layers - 1);
}

TEST(Gphyt, HasUpstreamsNumberOfParameters) {
  EXPECT_EQ(published_count(GphytSize::S), 7'992'773);
  EXPECT_EQ(published_count(GphytSize::M), 111'597'317);
  EXPECT_EQ(published_count(GphytSize::L), 384'885'765);
  EXPECT_EQ(published_count(GphytSize::XL), 795'813'125);
}

TEST(Gphyt, HasUpstreamsKeysInItsOrder) {
  auto config = tiny();
  config.num_layers = 1;
  auto const keys = Gphyt(config, spec(2, 8, 8), 1).named_parameters().keys();
  ASSERT_EQ(keys.size(), 5 + 13U);
  EXPECT_EQ(keys[0], "tokenizer.tokenizer.to_patch_embedding.1.weight");
  EXPECT_EQ(keys[2], "init_pos_encodings.pe");
  EXPECT_EQ(keys[3], "attention_blocks.0.attention.to_qkv.weight");
  EXPECT_EQ(keys[15], "attention_blocks.0.mlp.mlp.2.bias");
  EXPECT_EQ(keys[17], "detokenizer.detokenizer.from_patch_embedding.1.bias");
}

TEST(Gphyt, StartsFromTheDistributionsOfPyTorch) {
  GphytConfig config{.num_layers = 1};
  config.tokenizer = {.mode = GphytTokens::conv_net, .channels = std::vector<int64_t>{64, 96, 128}};
  Gphyt const gphyt(config, spec(5, 256, 128), 1);
  auto const parameters = gphyt.named_parameters();
  auto const largest = [&](std::string const& name) {
    return parameters[name].abs().max().item<double>();
  };
  EXPECT_NEAR(parameters["init_pos_encodings.pe"].std().item<double>(), 0.02, 2e-4);
  EXPECT_NEAR(largest("tokenizer.tokenizer.encoder.1.0.weight"), 1 / std::sqrt(20.0 * 16), 1e-4);
  EXPECT_NEAR(largest("tokenizer.tokenizer.encoder.1.0.bias"), 1 / std::sqrt(20.0 * 16), 3e-3);
  EXPECT_TRUE(at::equal(parameters["tokenizer.tokenizer.encoder.1.1.weight"], at::ones({64})));
  EXPECT_EQ(largest("tokenizer.tokenizer.encoder.1.1.bias"), 0);
  std::string const block = "attention_blocks.0.";
  EXPECT_NEAR(largest(block + "attention.to_qkv.weight"), 1 / std::sqrt(192.0), 1e-5);
  EXPECT_NEAR(
      largest(block + "attention.attention.in_proj_weight"), std::sqrt(6.0 / (4 * 192)), 1e-5);
  EXPECT_EQ(largest(block + "attention.attention.in_proj_bias"), 0);
  EXPECT_NEAR(largest(block + "attention.attention.out_proj.weight"), 1 / std::sqrt(192.0), 1e-5);
  EXPECT_EQ(largest(block + "attention.attention.out_proj.bias"), 0);
  EXPECT_TRUE(at::equal(parameters[block + "norm2.weight"], at::ones({192})));
  EXPECT_EQ(largest(block + "norm2.bias"), 0);
  // Of a transposed convolution PyTorch takes the outputs for the fan-in: 5·16·16.
  EXPECT_NEAR(largest("detokenizer.detokenizer.from_patch_embedding.1.weight"),
              1 / std::sqrt(5.0 * 256),
              1e-5);
}

TEST(Gphyt, ObeysTheIntegratorInV1AndTakesAnEulerStepInHead) {
  at::NoGradGuard const no_grad;
  auto const frames = at::randn({2, 3, 2, 8, 8});
  auto const last = frames.narrow(1, 2, 1);
  auto const next = [&](GphytIntegrator integrator, GphytForward forward) {
    auto config = tiny();
    config.integrator = integrator;
    config.forward_semantics = forward;
    Gphyt gphyt(config, spec(2, 8, 8), 1);
    gphyt.eval();
    return gphyt.predict(batch_of(frames), {}).squeeze(3);
  };
  auto const euler = next(GphytIntegrator::euler, GphytForward::v1);
  EXPECT_TRUE(at::allclose(euler - last, next(GphytIntegrator::none, GphytForward::v1), 1e-5, 1e-6))
      << "none is the update alone";
  EXPECT_FALSE(at::allclose(next(GphytIntegrator::heun, GphytForward::v1), euler));
  EXPECT_FALSE(at::allclose(next(GphytIntegrator::rk4, GphytForward::v1),
                            next(GphytIntegrator::heun, GphytForward::v1)));
  for (auto const& [integrator, name] : EnumNames<GphytIntegrator>::names) {
    EXPECT_TRUE(at::equal(next(integrator, GphytForward::head), euler)) << name;
  }
}

TEST(Gphyt, StoresTheForwardPassInItsConfiguration) {
  auto config = tiny();
  config.integrator = GphytIntegrator::rk4;
  config.forward_semantics = GphytForward::head;
  Gphyt const gphyt(config, spec(2, 8, 8), 1);
  auto const again = parse_config<GphytConfig>(gphyt.config(), "model");
  EXPECT_EQ(again.integrator, GphytIntegrator::rk4);
  EXPECT_EQ(again.forward_semantics, GphytForward::head);
}

/// What is left out because only the last frame is wanted changes nothing in it.
TEST(Gphyt, TheLastFrameAloneIsTheLastOfAll) {
  at::NoGradGuard const no_grad;
  auto const x = at::randn({2, 4, 2, 8, 8});
  for (auto const& [mode, name] : EnumNames<GphytAttentionMode>::names) {
    for (auto const positions : {GphytPositions::absolute, GphytPositions::rope}) {
      for (auto const overlap : {0, 2}) {
        auto config = tiny();
        config.history = 4;
        config.time_patch = 2;
        config.attention = mode;
        config.positions = positions;
        config.tokenizer.overlap = overlap;
        Gphyt const gphyt(config, spec(2, 8, 8), 1);
        auto const d = gphyt.derivatives_of(x);
        auto const all = gphyt.differentiate(x, d, GphytFrames::all, {.samples = {0, 1}});
        auto const last = gphyt.differentiate(x, d, GphytFrames::last, {.samples = {0, 1}});
        EXPECT_TRUE(at::allclose(last, all.narrow(1, 3, 1), 1e-4, 1e-6)) << name << overlap;
      }
    }
  }
}

TEST(Gphyt, CausalAttentionSeesTheSameInTheLastFrameAndLessInTheFirst) {
  at::NoGradGuard const no_grad;
  auto config = tiny();
  config.derivatives = false;
  config.attention = GphytAttentionMode::full_causal;
  Gphyt const gphyt(config, spec(1, 8, 8), 1);
  auto const x = at::randn({1, 3, 1, 8, 8});
  auto later = x.clone();
  later.select(1, 2).normal_();
  auto const rate = [&](at::Tensor const& at_x) {
    return gphyt.differentiate(at_x, {}, GphytFrames::all, {.samples = {0}});
  };
  EXPECT_TRUE(at::allclose(rate(x).narrow(1, 0, 2), rate(later).narrow(1, 0, 2), 1e-5, 1e-6));
  EXPECT_FALSE(at::allclose(rate(x).narrow(1, 2, 1), rate(later).narrow(1, 2, 1)));
}

TEST(Gphyt, DerivativesPassNoGradientInAnyStage) {
  auto config = tiny();
  config.integrator = GphytIntegrator::heun;
  Gphyt const gphyt(config, spec(1, 8, 8), 1);
  auto const x = at::randn({1, 3, 1, 8, 8}).requires_grad_();
  EXPECT_FALSE(gphyt.derivatives_of(x).requires_grad());
  gphyt.forward(x, {.samples = {0}}).sum().backward();
  EXPECT_TRUE(x.grad().defined());
}

TEST(Gphyt, EveryEvaluationOfAStepHasDropoutMasksOfItsOwn) {
  at::NoGradGuard const no_grad;
  auto config = tiny();
  config.integrator = GphytIntegrator::heun;
  config.derivatives = false;
  config.dropout = 0.5;
  Gphyt const gphyt(config, spec(1, 8, 8), 1);
  auto const x = at::randn({1, 3, 1, 8, 8});
  Pass const first{.training = true, .random = {.seed = 1, .step = 2}, .samples = {0}};
  auto second = first;
  second.random.layer = 1;
  auto const rate = [&](Pass const& pass) {
    return [&gphyt, pass](at::Tensor const& at_x, GphytFrames frames) {
      return gphyt.differentiate(at_x, {}, frames, pass);
    };
  };
  int64_t stage = 0;
  auto const expected = integrate(GphytIntegrator::heun, x, [&](auto const& at_x, auto frames) {
    return rate(stage++ == 0 ? first : second)(at_x, frames);
  });
  EXPECT_TRUE(at::equal(gphyt.forward(x, first), expected));
  EXPECT_FALSE(at::allclose(integrate(GphytIntegrator::heun, x, rate(first)), expected));
}

TEST(Gphyt, PredictsTheAskedFieldsOfThoseItMovesOn) {
  at::NoGradGuard const no_grad;
  auto fewer = spec(3, 8, 8);
  fewer.output_fields = fewer.input_fields.select({"field2", "field0"});
  Gphyt all(tiny(), spec(3, 8, 8), 1), some(tiny(), fewer, 1);
  all.eval();
  some.eval();
  auto const batch = batch_of(at::randn({2, 3, 3, 8, 8}));
  auto const whole = all.predict(batch, {});
  auto const part = some.predict(batch, {});
  ASSERT_EQ(part.sizes().vec(), (std::vector<int64_t>{2, 1, 2, 1, 8, 8}));
  EXPECT_TRUE(at::equal(part.select(2, 0), whole.select(2, 2)));
  EXPECT_TRUE(at::equal(part.select(2, 1), whole.select(2, 0)));
}

TEST(Gphyt, TakesABatchOfNoSamplesInEveryMode) {
  at::NoGradGuard const no_grad;
  for (auto const& [mode, name] : EnumNames<GphytAttentionMode>::names) {
    auto config = tiny();
    config.attention = mode;
    Gphyt gphyt(config, spec(2, 8, 8), 1);
    gphyt.eval();
    EXPECT_EQ(gphyt.predict(batch_of(at::zeros({0, 3, 2, 8, 8})), {}).sizes().vec(),
              (std::vector<int64_t>{0, 1, 2, 1, 8, 8}))
        << name;
  }
}

TEST(Gphyt, RefusesWhatDoesNotFit) {
  Gphyt gphyt(tiny(), spec(2, 8, 8), 1);
  auto const predict = [&](std::vector<int64_t> const& shape) {
    return message_of([&] { gphyt.predict({.input = at::zeros(shape)}, {}); });
  };
  EXPECT_EQ(predict({1, 3, 2, 1, 8, 8}), "nothing was thrown");
  EXPECT_THAT(predict({1, 3, 2, 4, 8, 8}),
              HasSubstr("GPhyT takes two-dimensional fields, but axis D has 4 points"));
  EXPECT_THAT(predict({1, 2, 2, 1, 8, 8}),
              HasSubstr("the batch has 2 input frames, model.history is 3"));
  EXPECT_THAT(predict({1, 3, 1, 1, 8, 8}),
              HasSubstr("the data have 1 channels, the network was made for 2"));
  EXPECT_THAT(predict({1, 3, 2, 1, 8, 10}), HasSubstr("axis W has 10 points"));
  EXPECT_THAT(
      predict({1, 3, 2, 1, 8, 12}),
      HasSubstr("the grid has 8 × 12 points, but the table of positions was made for 8 × 8; "
                "use data of that size, or a network with model.positions=rope"));
}

TEST(Gphyt, RefusesASpecThatDoesNotFit) {
  auto const make = [](SurrogateSpec const& of) {
    return message_of([&] { Gphyt(tiny(), of, 1); });
  };
  auto volume = spec(1, 8, 8);
  volume.grid = Grid({axis("x", 8), axis("y", 8), axis("z", 8)});
  EXPECT_THAT(make(volume),
              HasSubstr("GPhyT takes two-dimensional fields, not the grid 'cartesian: x 8"));
  auto line = spec(1, 8, 8);
  line.grid = Grid({axis("x", 8)});
  EXPECT_THAT(make(line), HasSubstr("axis H has 1 points"));
  auto nowhere = spec(1, 8, 8);
  nowhere.grid = Grid();
  EXPECT_THAT(make(nowhere), HasSubstr("use model.positions=rope"));
  EXPECT_THAT(make(spec(0, 8, 8)), HasSubstr("GPhyT needs at least one field"));
  auto other = spec(1, 8, 8);
  other.output_fields = FieldSet({{.name = "heat"}});
  EXPECT_THAT(make(other), HasSubstr("while looking for the predicted fields among the input"));
}

TEST(Gphyt, WithRopeTakesAnyGridAndALineWithPatchOne) {
  auto config = tiny();
  config.positions = GphytPositions::rope;
  auto nowhere = spec(1, 8, 8);
  nowhere.grid = Grid();
  Gphyt gphyt(config, nowhere, 1);
  for (int64_t const width : {8, 16}) {
    EXPECT_EQ(gphyt.predict({.input = at::zeros({1, 3, 1, 1, 12, width})}, {}).size(5), width);
  }
  config.patch = {1, 1, 4};
  Gphyt line(config, nowhere, 1);
  EXPECT_EQ(line.predict({.input = at::zeros({1, 3, 1, 1, 1, 16})}, {}).sizes().vec(),
            (std::vector<int64_t>{1, 1, 1, 1, 1, 16}));
}

}  // namespace
}  // namespace eddyline
