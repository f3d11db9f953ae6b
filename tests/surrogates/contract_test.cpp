// What every network of the registry promises; a new line of the table is tested at once.
#include "tests/surrogates/contract.hpp"

#include <filesystem>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/communicator.hpp"
#include "core/error.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "surrogates/checkpoints/published_file.hpp"
#include "surrogates/conversion.hpp"
#include "surrogates/stored_model.hpp"
#include "tests/core/temporary_folder.hpp"

namespace eddyline {
namespace {

TEST_P(SurrogateContract, GivesTheNextFrameOfEveryOutputChannel) {
  auto const model = make();
  model->eval();
  auto const batch = make_batch(*model, spec_, 3);
  EXPECT_EQ(model->predict(batch, {}).sizes(), batch.target.sizes());
}

TEST_P(SurrogateContract, ForecastsTheSameInItsFrozenForm) {
  auto const model = make();
  model->eval();
  at::NoGradGuard const no_grad;
  auto const frozen = model->freeze(Precision::fp32);
  if (!frozen) {
    return;  // this network's one form serves both
  }
  auto const batch = make_batch(*model, spec_, 3);
  auto const expected = model->predict(batch, {});
  EXPECT_LE(distance(frozen->predict(batch), expected), kRoundOff);
  for (auto& parameter : model->parameters()) {
    parameter.zero_();
  }
  EXPECT_LE(distance(frozen->predict(batch), expected), kRoundOff);
}

TEST_P(SurrogateContract, IsTheSameForTheSameSeedOnly) {
  auto const a = make(7), b = make(7), c = make(8);
  bool differs = false;
  auto const others = c->named_parameters();
  for (auto const& item : a->named_parameters()) {
    EXPECT_TRUE(at::equal(item.value(), b->named_parameters()[item.key()])) << item.key();
    differs = differs || !at::equal(item.value(), others[item.key()]);
  }
  EXPECT_EQ(differs, contract_.weights == FirstWeights::seed);
}

TEST_P(SurrogateContract, EveryParameterGetsAGradient) {
  auto const model = make();
  auto const batch = make_batch(*model, spec_, 2);
  (model->predict(batch, {}) - batch.target).square().mean().backward();
  for (auto const& item : model->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_TRUE(at::isfinite(item.value().grad()).all().item<bool>()) << item.key();
  }
}

TEST_P(SurrogateContract, SamplesOfABatchDoNotMeet) {
  auto const model = make();
  model->eval();
  at::NoGradGuard const no_grad;
  auto const batch = make_batch(*model, spec_, 3);
  auto const together = model->predict(batch, {});
  for (int64_t b = 0; b < 3; ++b) {
    EXPECT_LE(distance(model->predict(rows_of(batch, b, 1), {})[0], together[b]), kRoundOff)
        << "sample " << b;
  }
}

TEST_P(SurrogateContract, ItsConfigurationMakesItAgain) {
  auto const model = make();
  auto const again = surrogate_entry(GetParam()).make(model->config(), spec_, 1);
  ASSERT_EQ(model->named_parameters().keys(), again->named_parameters().keys());
  for (auto const& item : model->named_parameters()) {
    EXPECT_TRUE(at::equal(item.value(), again->named_parameters()[item.key()])) << item.key();
  }
  EXPECT_EQ(model->config(), again->config());
}

TEST_P(SurrogateContract, ItsDefaultsAreReadable) {
  auto const& entry = surrogate_entry(GetParam());
  auto const text = entry.default_config();
  EXPECT_NE(text.find('#'), std::string::npos) << "no comments";
}

TEST_P(SurrogateContract, UnknownKeysAreRefusedWithTheNearest) {
  try {
    surrogate_entry(GetParam()).make("{nonsense_key: 1}", spec_, 1);
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_NE(std::string(error.what()).find("nonsense_key"), std::string::npos) << error.what();
  }
}

TEST_P(SurrogateContract, SurvivesACheckpoint) {
  auto const world = Communicator::world();
  auto const path =
      std::filesystem::temp_directory_path() /
      concat("eddyline_contract_", GetParam(), "_", world.size(), "_", world.rank(), ".h5");
  auto const model = make();
  NativeCheckpoint written{.tensors = model_tensors(*model)};
  store_model(written.facts, {.surrogate = GetParam(), .config = model->config(), .spec = spec_});
  write_native(path, written);
  auto const other = load_model(read_native(path));
  std::filesystem::remove(path);
  EXPECT_EQ(other->config(), model->config());
  at::NoGradGuard const no_grad;
  model->eval();
  other->eval();
  auto const batch = make_batch(*model, spec_, 2);
  EXPECT_TRUE(at::equal(model->predict(batch, {}), other->predict(batch, {})));
}

TEST_P(SurrogateContract, ItsWeightsSurviveEveryFormOfFile) {
  TemporaryFolder const folder;
  auto const model = make();
  NativeCheckpoint written{.tensors = model_tensors(*model)};
  store_model(written.facts, {.surrogate = GetParam(), .config = model->config(), .spec = spec_});
  write_native(folder / "a.h5", written);
  for (auto const* form : {"b.safetensors", "b.pt", "b.pth", "b.ckpt"}) {
    convert_checkpoint(folder / "a.h5", folder / form, {.prefix = ""});
    auto again = written;
    for (auto& [name, tensor] : again.tensors) {
      tensor = at::empty({0});
    }
    for (auto const& [key, tensor] : read_published_file(folder / form).parameters) {
      auto const found = again.tensors.find(kModelWeights + key);
      if (found != again.tensors.end()) {  // else what only the authors' files have
        found->second = tensor;
      }
    }
    auto const other = load_model(again);
    at::NoGradGuard const no_grad;
    model->eval();
    other->eval();
    auto const batch = make_batch(*model, spec_, 2);
    EXPECT_TRUE(at::equal(model->predict(batch, {}), other->predict(batch, {}))) << form;
  }
}

TEST_P(SurrogateContract, DropoutDoesNotDependOnTheRanks) {
  auto const world = Communicator::world();
  auto const model = make();
  at::NoGradGuard const no_grad;
  constexpr int64_t kSamples = 8;  // shared evenly by 1, 2 and 4 ranks
  auto const batch = make_batch(*model, spec_, kSamples);
  Context const context{.random = {.seed = 11, .step = 5}};
  auto const whole = model->predict(batch, context);
  auto const share = kSamples / world.size();
  auto const mine = model->predict(rows_of(batch, share * world.rank(), share), context);
  EXPECT_LE(distance(mine, whole.narrow(0, share * world.rank(), share)), kRoundOff);
}

TEST_P(SurrogateContract, DropoutIfAnyActsInTrainingOnlyAndChangesWithTheStep) {
  auto const model = make();
  at::NoGradGuard const no_grad;
  auto const batch = make_batch(*model, spec_, 2);
  Context const first{.random = {.seed = 11, .step = 5}}, second{.random = {.seed = 11, .step = 6}};
  EXPECT_TRUE(at::equal(model->predict(batch, first), model->predict(batch, first)));
  auto const change = distance(model->predict(batch, first), model->predict(batch, second));
  EXPECT_EQ(change > 1e-3, contract_.dropout) << change;
  model->eval();
  EXPECT_TRUE(at::equal(model->predict(batch, first), model->predict(batch, second)));
}

TEST_P(SurrogateContract, Bfloat16IsCloseToFloat32) {
  auto const model = make();
  model->eval();
  at::NoGradGuard const no_grad;
  auto const batch = make_batch(*model, spec_, 2);
  auto const exact = model->predict(batch, {});
  auto const rough = model->predict(batch, {.precision = Precision::bf16});
  EXPECT_EQ(rough.scalar_type(), at::kFloat);
  EXPECT_GT(distance(rough, exact), 0);
  EXPECT_LE(distance(rough, exact), 0.1 * exact.abs().max().item<double>());  // 8 bits of mantissa
}

TEST_P(SurrogateContract, Bfloat16GradientsAreCloseToFloat32) {
  auto const gradients = [&](Precision precision) {
    auto const model = make();
    auto const batch = make_batch(*model, spec_, 2);
    auto const predicted = model->predict(batch, {.precision = precision});
    (predicted - batch.target).square().mean().backward();
    std::vector<at::Tensor> all;
    for (auto const& parameter : model->parameters()) {
      EXPECT_EQ(parameter.grad().scalar_type(), at::kFloat);
      all.push_back(parameter.grad().flatten());
    }
    return at::cat(all);
  };
  auto const exact = gradients(Precision::fp32), rough = gradients(Precision::bf16);
  auto const error = (rough - exact).norm().item<double>();
  EXPECT_GT(error, 0);
  EXPECT_LE(error, 0.1 * exact.norm().item<double>());  // 8 bits of mantissa
}

TEST_P(SurrogateContract, RecomputesItsActivationsToTheSameGradients) {
  auto const gradients = [&](Activations activations) {
    auto const model = make();
    auto const batch = make_batch(*model, spec_, 2);
    Context const context{.random = {.seed = 11, .step = 5}, .activations = activations};
    (model->predict(batch, context) - batch.target).square().mean().backward();
    std::map<std::string, at::Tensor> all;
    for (auto const& item : model->named_parameters()) {
      all[item.key()] = item.value().grad();
    }
    return all;
  };
  auto const kept = gradients(Activations::keep);
  for (auto const& [name, gradient] : gradients(Activations::recompute)) {
    ASSERT_TRUE(gradient.defined()) << name;
    auto const scale = std::max(1.0, kept.at(name).abs().max().item<double>());
    EXPECT_LE(distance(gradient, kept.at(name)), kRoundOff * scale) << name;
  }
}

TEST_P(SurrogateContract, GroupsNameParametersThatExistOnce) {
  auto const model = make();
  auto const names = model->named_parameters().keys();
  std::map<std::string, int> count;
  for (auto const& group : model->parameter_groups()) {
    for (auto const& name : group.parameters) {
      EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
      EXPECT_EQ(++count[name], 1) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Registry,
                         SurrogateContract,
                         testing::ValuesIn(surrogate_names()),
                         [](auto const& instance) { return instance.param; });

}  // namespace
}  // namespace eddyline
