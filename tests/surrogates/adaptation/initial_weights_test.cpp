#include "surrogates/adaptation/initial_weights.hpp"

#include <nlohmann/json.hpp>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/checkpoints/safetensors.hpp"
#include "surrogates/stored_model.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/workflows/training/tiny.hpp"

namespace eddyline {
namespace {

std::string refusal(std::map<std::string, at::Tensor> const& tensors,
                    std::vector<std::string> const& fresh = {}) {
  tiny::Network network;
  try {
    load_initial_weights(network, tensors, fresh);
    return "";
  } catch (Error const& error) {
    return error.what();
  }
}

TEST(InitialWeights, ReplaceTheNetworksOwn) {
  auto tensors = model_tensors(tiny::Network());
  tensors["model/bias"] = at::full({16}, 4.0F);
  tiny::Network network;
  EXPECT_TRUE(load_initial_weights(network, tensors, {}).empty());
  EXPECT_EQ(network.named_parameters()["bias"][0].item<float>(), 4);
}

TEST(InitialWeights, RefuseToGuessAndNameWhatBeginsFreshOnRequest) {
  auto tensors = model_tensors(tiny::Network());
  tensors.erase("model/bias");
  tensors["model/outer"] = at::ones({3, 3});
  tensors["model/alien"] = at::ones({1});
  auto const message = refusal(tensors);
  EXPECT_NE(message.find("missing in the checkpoint: bias"), std::string::npos) << message;
  EXPECT_NE(message.find("outer (3, 3) instead of (2, 16)"), std::string::npos) << message;
  EXPECT_NE(message.find("not in the network: alien"), std::string::npos) << message;
  EXPECT_EQ(refusal(tensors, {"bias", "outer", "alien"}), "");
}

SurrogateSpec scalar_spec() {
  return {.input_fields = FieldSet({{.name = "u"}}),
          .output_fields = FieldSet({{.name = "u"}}),
          .grid = tiny::grid(8, 8)};
}

/// A small MORPH, fresh but for LoRA's B, which would be zero.
std::shared_ptr<Surrogate> make_morph(std::string const& more, uint64_t seed) {
  auto network = surrogate_entry("morph").make(
      "dim: 16\nheads: 2\ndepth: 1\nmlp_dim: 16\nheads_xa: 4\npatch: [1, 4, 4]\nmax_patches: 4\n" +
          more,
      scalar_spec(),
      seed);
  at::NoGradGuard const no_grad;
  for (auto const& item : network->named_parameters()) {
    if (item.key().ends_with(".B")) {
      fill_normal(item.value().view({1, -1}), {.seed = 3}, {0});
    }
  }
  network->eval();
  return network;
}

TEST(InitialWeights, MergeLowRankUpdatesWhereTheNetworkHasNone) {
  constexpr double kRoundOff = 1e-5;  // the sum of two products is one product
  auto const adapted = make_morph("lora: {attention_rank: 2, mlp_rank: 3, alpha: 5}\n", 1);
  auto const plain = make_morph("fine_tune: level4\nlora: {attention_rank: 2}\n", 2);
  NativeCheckpoint checkpoint{.tensors = model_tensors(*adapted)};
  store_model(checkpoint.facts,
              {.surrogate = "morph", .config = adapted->config(), .spec = scalar_spec()});
  EXPECT_TRUE(load_initial_weights(*plain, merged_weights(checkpoint, *plain), {}).empty());
  Batch batch{.input = at::zeros({1, 1, 1, 1, 8, 8})};
  fill_normal(batch.input.view({1, -1}), {.seed = 4}, {0});
  at::NoGradGuard const no_grad;
  auto const expected = adapted->predict(batch, {});
  EXPECT_TRUE(at::allclose(plain->predict(batch, {}), expected, kRoundOff, kRoundOff));
  checkpoint.facts.erase("model");
  EXPECT_THROW(merged_weights(checkpoint, *plain), Error);
}

TEST(InitialWeights, StayApartWhereTheNetworkHasLowRankUpdatesToo) {
  auto const adapted = make_morph("lora: {attention_rank: 2}\n", 1);
  auto const other = make_morph("lora: {attention_rank: 2}\nfine_tune: level1\n", 2);
  auto const merged = merged_weights({.tensors = model_tensors(*adapted)}, *other);
  EXPECT_EQ(merged.size(), adapted->named_parameters().size());
}

TEST(InitialMoments, AreThoseOfTrainedParametersThatDidNotBeginFresh) {
  tiny::Network const network;
  std::map<std::string, at::Tensor> const tensors = {{"model/inner", at::zeros({1})},
                                                     {"optimiser/inner/exp_avg", at::zeros({1})},
                                                     {"optimiser/inner/step", at::zeros({})},
                                                     {"optimiser/outer/step", at::zeros({})},
                                                     {"optimiser/alien/step", at::zeros({})}};
  std::vector<std::string> names;
  for (auto const& [name, moment] : initial_moments(network, tensors, {"outer"})) {
    names.push_back(name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"inner/exp_avg", "inner/step"}));
  EXPECT_THROW(initial_moments(network, model_tensors(network), {}), Error);
}

TEST(InitialWeights, RefuseAFileThatIsNoCheckpoint) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  std::ofstream(folder / "x.h5") << "no checkpoint at all";
  EXPECT_THROW(read_weights(folder / "x.h5"), Error);
  EXPECT_THROW(read_weights(folder / "missing.h5"), Error);
}

TEST(InitialWeights, AreReadFromSafetensorsLikeFromPyTorchFiles) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  write_safetensors(folder / "x.safetensors", {.tensors = {{"module.bias", at::ones({16})}}});
  auto const tensors = read_weights(folder / "x.safetensors").tensors;
  ASSERT_TRUE(tensors.contains("model/bias"));
  EXPECT_TRUE(at::equal(tensors.at("model/bias"), at::ones({16})));
}

}  // namespace
}  // namespace eddyline
