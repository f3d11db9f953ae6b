#include "surrogates/stored_model.hpp"

#include <nlohmann/json.hpp>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

class Pair final : public Surrogate {
 public:
  explicit Pair(int64_t width) {
    register_parameter("a", at::ones({width}));
    register_buffer("b", at::zeros({2}));
  }
  at::Tensor predict(Batch const& batch, Context const&) override { return batch.input; }
  std::string config() const override { return ""; }
  int64_t history() const override { return 1; }
  std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }
};

std::string refusal(std::map<std::string, at::Tensor> const& tensors) {
  Pair network(3);
  try {
    load_model_tensors(network, tensors);
    return "";
  } catch (Error const& error) {
    return error.what();
  }
}

TEST(StoredModel, KeepsWhatMakesItAgain) {
  StoredModel model{.surrogate = "morph", .config = "dim: 8\n"};
  model.spec.input_fields = FieldSet(std::vector<Field>{{.name = "u", .units = "m"}});
  model.spec.output_fields = model.spec.input_fields;
  model.spec.scalars = {"Re"};
  nlohmann::json facts;
  store_model(facts, model);
  auto const back = stored_model(facts);
  EXPECT_EQ(back.surrogate, "morph");
  EXPECT_EQ(back.config, "dim: 8\n");
  EXPECT_EQ(back.spec.input_fields, model.spec.input_fields);
  EXPECT_EQ(back.spec.scalars, model.spec.scalars);
  EXPECT_EQ(back.spec.grid, model.spec.grid);
  facts["model"].erase("spec");
  EXPECT_THROW(stored_model(facts), Error);
}

TEST(StoredModel, CopiesParametersAndBuffers) {
  Pair from(3);
  at::NoGradGuard const no_grad;
  from.named_parameters()["a"].fill_(5);
  from.named_buffers()["b"].fill_(6);
  Pair to(3);
  load_model_tensors(to, model_tensors(from));
  EXPECT_EQ(to.named_parameters()["a"][2].item<float>(), 5);
  EXPECT_EQ(to.named_buffers()["b"][1].item<float>(), 6);
}

TEST(StoredModel, RefusesTensorsOfAnotherNetwork) {
  auto const good = model_tensors(Pair(3));
  auto missing = good;
  missing.erase("model/a");
  EXPECT_NE(refusal(missing).find("no tensor 'model/a'"), std::string::npos);
  auto extra = good;
  extra["model/c"] = at::ones({1});
  EXPECT_NE(refusal(extra).find("'model/c' is not in the network"), std::string::npos);
  EXPECT_NE(refusal(model_tensors(Pair(4))).find("has shape (4), the network's has (3)"),
            std::string::npos);
  auto optimiser = good;
  optimiser["optimiser/a/step"] = at::ones({});
  EXPECT_EQ(refusal(optimiser), "");
}

}  // namespace
}  // namespace eddyline
