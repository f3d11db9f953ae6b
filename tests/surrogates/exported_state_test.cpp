#include "surrogates/exported_state.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/imported_model.hpp"
#include "surrogates/stored_model.hpp"

namespace eddyline {
namespace {

using testing::Contains;
using testing::HasSubstr;

NativeCheckpoint checkpoint_of(std::string const& name, std::string const& yaml) {
  FieldSet const fields({{.name = "u"}});
  Axis const axis{.name = "x", .coordinates = {0, 1, 2, 3, 4, 5, 6, 7}};
  SurrogateSpec const spec{.input_fields = fields, .output_fields = fields, .grid = Grid({axis})};
  ImportedModel imported{.network = surrogate_entry(name).make(yaml, spec, 3), .spec = spec};
  imported.optimizer["decoder.linear.bias"] = {{"exp_avg", at::ones({1})}, {"step", at::ones({})}};
  auto native = to_native(imported);
  native.facts["model"]["surrogate"] = name;
  return native;
}

std::string const kMorph =
    "{dim: 16, heads: 2, depth: 1, mlp_dim: 16, heads_xa: 2, patch: [1, 4, 4]}";

TEST(ExportedState, HasTheNetworksOrderAndTheAuthorsContainer) {
  auto const native = checkpoint_of("morph", kMorph);
  auto const exported = export_state(native);
  EXPECT_EQ(exported.container, "model_state_dict");
  EXPECT_EQ(exported.prefix, "");
  ASSERT_FALSE(exported.state.empty());
  EXPECT_THAT(exported.state.front().first, HasSubstr("patch_embedding."));
  size_t weights = 0;
  for (auto const& [name, tensor] : native.tensors) {
    weights += name.starts_with("model/") ? 1 : 0;
  }
  EXPECT_EQ(exported.state.size(), weights);
  for (auto const& [key, value] : exported.state) {
    EXPECT_TRUE(at::equal(value, native.tensors.at("model/" + key))) << key;
  }
}

TEST(ExportedState, SaysWhatAStateDictDoesNotHold) {
  auto native = checkpoint_of("morph", kMorph);
  native.tensors["notes/a"] = at::ones({1});
  EXPECT_THAT(export_state(native).report,
              testing::UnorderedElementsAre("dropped     notes/a",
                                            "dropped     the optimiser's state of 1 parameters"));
}

TEST(ExportedState, KeepsTheNamesOfANetworkThatNobodyPublished) {
  auto const native = checkpoint_of("fno", "{modes: [1, 1, 2], width: 2, layers: 1, history: 1}");
  auto const exported = export_state(native);
  EXPECT_EQ(exported.container, "");
  EXPECT_THAT(keys_of(exported.state), Contains("layers.0.spectral.weight"));
}

TEST(ExportedState, DoesNotRunAScript) {
  NativeCheckpoint native{.tensors = {{"model/a.weight", at::ones({2})}}};
  store_model(native.facts, {.surrogate = "script", .config = "{file: /nowhere.pt}"});
  EXPECT_EQ(keys_of(export_state(native).state), (std::vector<std::string>{"a.weight"}));
}

TEST(ExportedState, RefusesWeightsOfAnotherNetwork) {
  auto native = checkpoint_of("morph", kMorph);
  native.tensors.erase("model/decoder.linear.bias");
  EXPECT_THROW(export_state(native), Error);
  EXPECT_THROW(export_state({}), Error);
}

}  // namespace
}  // namespace eddyline
