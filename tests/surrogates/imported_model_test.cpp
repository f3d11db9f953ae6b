#include "surrogates/imported_model.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/stored_model.hpp"

namespace eddyline {
namespace {

TEST(ImportedModel, ReadsFieldsAsUsersWriteThem) {
  EXPECT_EQ(parse_field("density"), (Field{.name = "density"}));
  EXPECT_EQ(parse_field("velocity:x:y"),
            (Field{.name = "velocity", .components = {"x", "y"}, .order = 1}));
  EXPECT_THROW(parse_field(":x"), Error);
}

TEST(ImportedModel, BecomesACheckpointThatMakesTheSameNetwork) {
  SurrogateSpec const spec{.input_fields = FieldSet({{.name = "u"}}),
                           .output_fields = FieldSet({{.name = "u"}})};
  ImportedModel imported{
      .network = surrogate_entry("morph").make(
          "{dim: 16, heads: 2, depth: 1, mlp_dim: 16, heads_xa: 2, patch: [1, 4, 4]}", spec, 3),
      .spec = spec};
  imported.optimizer["decoder.linear.bias"]["exp_avg"] = at::ones({3});
  auto const native = to_native(imported);
  EXPECT_TRUE(native.tensors.contains("optimiser/decoder.linear.bias/exp_avg"));
  auto const again = load_model(native);
  for (auto const& item : imported.network->named_parameters()) {
    EXPECT_TRUE(at::equal(item.value(), again->named_parameters()[item.key()])) << item.key();
  }
}

/// One parameter and one buffer.
class TwoTensors final : public Surrogate {
 public:
  TwoTensors() : Surrogate("two") {
    register_parameter("weight", at::zeros({2}));
    register_buffer("scale", at::zeros({3}));
  }
  at::Tensor predict(Batch const& batch, Context const&) override { return batch.input; }
  std::string config() const override { return ""; }
  int64_t history() const override { return 1; }
  std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }
};

std::string message_of_copying(std::map<std::string, at::Tensor> const& stored) {
  try {
    copy_weights(TwoTensors(), stored, "a network", "; give another shape");
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(ImportedModel, CopiesEveryTensorOrSaysWhichDoesNotFit) {
  TwoTensors const network;
  copy_weights(network, {{"weight", at::ones({2})}, {"scale", at::ones({3})}}, "a network");
  EXPECT_TRUE(at::equal(network.named_parameters()["weight"], at::ones({2})));
  EXPECT_TRUE(at::equal(network.named_buffers()["scale"], at::ones({3})));
  EXPECT_EQ(message_of_copying({{"weight", at::ones({2})}}),
            "the checkpoint lacks 'scale'; it is of another network or was cut");
  EXPECT_EQ(message_of_copying({{"wieght", at::ones({2})}}),
            "the checkpoint holds 'wieght', which a network of these sizes does not have");
  EXPECT_EQ(message_of_copying({{"weight", at::ones({4, 2})}}),
            "'weight' has shape (4, 2) in the checkpoint, (2) in the network; give another shape");
}

TEST(ImportedModel, GivesMomentsToParametersByTheOrderOfTheOptimiser) {
  ImportedModel imported{.network = std::make_shared<TwoTensors>()};
  PytorchCheckpoint checkpoint;
  checkpoint.optimizer_state[0] = {{"exp_avg", at::ones({3})}};
  checkpoint.optimizer_state[1] = {{"exp_avg", at::ones({2})}, {"step", at::ones({})}};
  checkpoint.optimizer_state[9] = {{"exp_avg", at::ones({2})}};
  copy_moments(checkpoint, {"scale", "weight"}, imported);
  ASSERT_EQ(imported.optimizer.size(), 1U);
  EXPECT_TRUE(at::equal(imported.optimizer.at("weight").at("exp_avg"), at::ones({2})));
  EXPECT_THAT(imported.report,
              testing::ElementsAre("dropped     optimiser state of scale",
                                   "dropped     optimiser state of number 9"));
}

}  // namespace
}  // namespace eddyline
