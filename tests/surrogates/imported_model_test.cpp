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

}  // namespace
}  // namespace eddyline
