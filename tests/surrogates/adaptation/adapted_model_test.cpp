#include "surrogates/adaptation/adapted_model.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "surrogates/adaptation/initial_weights.hpp"
#include "surrogates/stored_model.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/message_of.hpp"
#include "tests/workflows/tiny_data.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

SurrogateSpec spec() {
  return {.input_fields = FieldSet({{.name = "u"}}),
          .output_fields = FieldSet({{.name = "u"}}),
          .grid = tiny::grid(8, 8)};
}

/// A small MORPH in a file, and an adapter of it beside it.
class AdaptedModel : public testing::Test {
 protected:
  AdaptedModel() : self_(Communicator::self()), folder_(self_) {
    network_ = make(1);
    write_native(base_, packed(*network_));
    Adapter adapter(*network_, config_, {"pos_encoding"}, 4);
    {
      at::NoGradGuard const no_grad;
      for (auto const& update : adapter.updates()) {
        fill_normal(update.b.view({1, -1}), {.seed = 8}, {0});
      }
      network_->named_parameters()["decoder.linear.bias"].add_(0.5);
      network_->named_parameters()["pos_encoding.pos_embedding"].add_(0.25);
    }
    adapter.settle();
    NativeCheckpoint alone{.tensors = adapter.tensors(), .facts = packed(*network_).facts};
    auto const base = read_weights(base_);
    alone.facts["adapter"] =
        adapter_facts(config_, *network_, base_, base.tensors, {"pos_encoding.pos_embedding"});
    write_native(adapter_, alone);
  }

  static std::shared_ptr<Surrogate> make(uint64_t seed) {
    return surrogate_entry("morph").make(
        "{dim: 16, heads: 2, depth: 1, mlp_dim: 16, heads_xa: 4, patch: [1, 4, 4], max_patches: 4}",
        spec(),
        seed);
  }
  static NativeCheckpoint packed(Surrogate const& network) {
    NativeCheckpoint checkpoint{.tensors = model_tensors(network)};
    store_model(checkpoint.facts,
                {.surrogate = "morph", .config = network.config(), .spec = spec()});
    return checkpoint;
  }
  std::string refusal() const { return refusal(base_, adapter_); }
  static std::string refusal(std::filesystem::path const& base,
                             std::filesystem::path const& adapter) {
    return message_of<Error>([&] { adapted_model(base, adapter); });
  }
  /// Writes a changed file.
  template <class Change>
  static void change(std::filesystem::path const& path, Change change) {
    auto checkpoint = read_native(path);
    change(checkpoint);
    write_native(path, checkpoint);
  }

  Communicator self_;
  SharedFolder folder_;
  std::filesystem::path base_ = folder_ / "base.h5", adapter_ = folder_ / "adapter.h5";
  AdaptConfig config_{.rank = 2, .layers = {"*.mlp"}, .train = {"decoder.linear.bias"}};
  std::shared_ptr<Surrogate> network_;
};

TEST(PlainWeights, ReplaceTheAverageThatTheyLieBeside) {
  NativeCheckpoint checkpoint{.tensors = {{"model/a", at::zeros({3})},
                                          {"model/b", at::zeros({2})},
                                          {"plain/a", at::ones({3})}}};
  take_plain_weights(checkpoint);
  EXPECT_TRUE(at::equal(checkpoint.tensors.at("model/a"), at::ones({3})));
  EXPECT_TRUE(at::equal(checkpoint.tensors.at("model/b"), at::zeros({2})));
  checkpoint.tensors["plain/c"] = at::ones({3});
  EXPECT_THAT(message_of<Error>([&] { take_plain_weights(checkpoint); }),
              HasSubstr("'plain/c' is of no parameter of its model"));
}

TEST(PlainWeights, OfAnAdaptedRunAreItsBaseWithThePlainUpdates) {
  auto const two = at::full({2, 2}, 2.0), one = at::ones({2, 1}), row = at::ones({1, 2});
  NativeCheckpoint run{.tensors = {{"model/w", at::zeros({2, 2})},
                                   {"adapter/w.base", two},
                                   {"adapter/w.A", at::zeros({1, 2})},
                                   {"adapter/w.B", at::zeros({2, 1})},
                                   {"plain/w.A", row},
                                   {"plain/w.B", one}}};
  run.facts["adapter"] = {
      {"rank", 1}, {"alpha", 3}, {"base", {{"file", ""}, {"sums", nlohmann::json::object()}}}};
  take_plain_weights(run);
  EXPECT_TRUE(at::equal(run.tensors.at("model/w"), at::full({2, 2}, 5.0)));  // 2 + 3 · 1 · 1
}

TEST_F(AdaptedModel, EqualsTheNetworkThatWasAdapted) {
  auto const whole = adapted_model(base_, adapter_);
  EXPECT_EQ(whole.tensors.size(), model_tensors(*network_).size());
  for (auto const& [name, value] : model_tensors(*network_)) {
    EXPECT_TRUE(at::equal(whole.tensors.at(name), value)) << name;
  }
  EXPECT_FALSE(whole.facts.contains("adapter"));
  EXPECT_EQ(whole.facts["merged"]["base"]["file"], base_.string());
}

TEST_F(AdaptedModel, TakesTheSameBaseInAnotherFileAndType) {
  change(base_, [](NativeCheckpoint& base) {
    base.facts.erase("model");  // weights alone, as of a published file
    for (auto& [name, value] : base.tensors) {
      value = value.to(at::kDouble);
    }
  });
  EXPECT_EQ(refusal(), "");
}

TEST_F(AdaptedModel, IsSmallerThanItsBaseAndHoldsNoFrozenWeight) {
  auto const alone = read_native(adapter_);
  int64_t numbers = 0, all = 0;
  for (auto const& [name, value] : alone.tensors) {
    numbers += value.numel();
  }
  for (auto const& [name, value] : model_tensors(*network_)) {
    all += value.numel();
  }
  EXPECT_LT(numbers, all / 4);
  EXPECT_FALSE(alone.tensors.contains("adapter/decoder.linear.weight"));
}

TEST_F(AdaptedModel, RefusesAnotherBaseByName) {
  write_native(base_, packed(*make(2)));
  EXPECT_THAT(refusal(),
              HasSubstr("the adapter was trained on the base '" + base_.string() +
                        "', and this one differs in decoder.linear.bias, "
                        "decoder.linear.weight, "));
  EXPECT_THAT(refusal(), HasSubstr(" more; name that base\n  while adapting the model '"));
  change(base_, [](NativeCheckpoint& base) { base.tensors.erase("model/decoder.linear.bias"); });
  EXPECT_THAT(refusal(), HasSubstr("differs in decoder.linear.bias (missing), "));
  change(base_, [](NativeCheckpoint& base) { base.facts["model"]["surrogate"] = "gphyt"; });
  EXPECT_THAT(refusal(),
              HasSubstr("the adapter is of the network 'morph', the base is of 'gphyt'"));
}

TEST_F(AdaptedModel, RefusesFilesInEachOthersPlace) {
  EXPECT_THAT(refusal(base_, base_), HasSubstr("it is no adapter; those of a training with"));
  EXPECT_THAT(refusal(adapter_, adapter_), HasSubstr("it is an adapter, which holds no weights"));
  EXPECT_THAT(refusal(folder_ / "none.h5", adapter_), HasSubstr("there is no checkpoint '"));
  EXPECT_THAT(message_of<Error>([&] { load_model(read_native(adapter_)); }),
              HasSubstr("give both, as model=BASE adapter=FILE"));
  auto const whole = folder_ / "whole.h5";
  std::filesystem::copy_file(adapter_, whole);
  change(whole, [&](NativeCheckpoint& run) { run.tensors.merge(model_tensors(*network_)); });
  EXPECT_THAT(refusal(base_, whole),
              HasSubstr("it holds a whole model, adapted already; use it alone, as model="));
}

TEST_F(AdaptedModel, RefusesDamagedAdapters) {
  std::string const key = "transformer_blocks.0.mlp.0.base.weight";
  auto const intact = read_native(adapter_);
  change(adapter_, [&](NativeCheckpoint& a) {
    a.tensors["adapter/" + key + ".A"] = at::ones({3, 16});
  });
  EXPECT_THAT(refusal(), HasSubstr("the adapter's '" + key + ".A' and '" + key + ".B' do not fit"));
  write_native(adapter_, intact);
  change(adapter_, [&](NativeCheckpoint& a) { a.tensors.erase("adapter/" + key + ".B"); });
  EXPECT_THAT(refusal(), HasSubstr("do not fit the weight (16, 16)"));
  write_native(adapter_, intact);
  change(adapter_,
         [](NativeCheckpoint& a) { a.tensors["adapter/decoder.linear.bias"] = at::ones({1}); });
  EXPECT_THAT(refusal(), HasSubstr("'model/decoder.linear.bias' has shape (1)"));
  write_native(adapter_, intact);
  change(adapter_, [](NativeCheckpoint& a) { a.facts["adapter"].erase("base"); });
  EXPECT_THAT(refusal(), HasSubstr("its description of the adapter is incomplete"));
  write_native(adapter_, intact);
  change(adapter_, [](NativeCheckpoint& a) { a.facts["adapter"]["rank"] = 0; });
  EXPECT_THAT(refusal(), HasSubstr("the adapter's alpha or rank is no number"));
  write_native(adapter_, intact);
  change(adapter_, [](NativeCheckpoint& a) { a.facts["adapter"]["base"]["sums"]["alien"] = "0"; });
  EXPECT_THAT(refusal(), HasSubstr("the network has no 'alien' that the adapter tells of"));
}

}  // namespace
}  // namespace eddyline
