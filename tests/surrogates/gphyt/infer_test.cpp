#include "surrogates/gphyt/infer.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/surrogates/published_fixture.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;
using Sizes = std::vector<int64_t>;

void forget(PytorchCheckpoint& checkpoint, std::string const& name) {
  std::erase_if(checkpoint.parameters, [&](auto const& item) { return item.first == name; });
}

std::string message_of(PytorchCheckpoint const& checkpoint, GphytImport const& options = {}) {
  try {
    infer_gphyt(checkpoint, options);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(InferGphyt, ReadsTheSizesFromTheShapes) {
  auto const found =
      infer_gphyt(published_fixture("gphyt/paper_abs_linear_euler.pt"), {.num_heads = 3});
  auto const shape = shape_of(found.config);
  EXPECT_EQ(shape.hidden_dim, 48);
  EXPECT_EQ(shape.mlp_dim, 96);
  EXPECT_EQ(shape.num_heads, 3);
  EXPECT_EQ(shape.num_layers, 3);
  EXPECT_EQ(found.fields, 5);
  EXPECT_EQ(found.cells, (std::array<int64_t, 2>{32, 16}));
  EXPECT_EQ(found.config.patch, (std::array<int64_t, 3>{1, 8, 8}));
  EXPECT_EQ(found.config.time_patch, 1);
  EXPECT_EQ(found.config.history, 4);
  EXPECT_TRUE(found.config.derivatives);
  EXPECT_EQ(found.config.positions, GphytPositions::absolute);
  EXPECT_EQ(found.config.tokenizer.mode, GphytTokens::linear);
  EXPECT_EQ(found.config.forward_semantics, GphytForward::head) << "it counts epochs";
}

TEST(InferGphyt, ReadsTheRestFromTheFilesOwnConfiguration) {
  auto const found = infer_gphyt(published_fixture("gphyt/convnet_heun_v1.pt"), {.num_heads = 3});
  EXPECT_EQ(found.config.integrator, GphytIntegrator::heun);
  EXPECT_EQ(found.config.forward_semantics, GphytForward::v1);
  EXPECT_EQ(found.config.time_patch, 2);
  EXPECT_EQ(found.config.patch, (std::array<int64_t, 3>{1, 8, 4}));
  EXPECT_EQ(found.config.tokenizer.mode, GphytTokens::conv_net);
  EXPECT_EQ(found.config.tokenizer.channels, (Sizes{12, 20}));
  EXPECT_EQ(found.config.detokenizer.channels, (Sizes{16, 8}));
  EXPECT_EQ(found.cells, (std::array<int64_t, 2>{16, 16}));
  EXPECT_EQ(found.config.history, 4);
}

TEST(InferGphyt, TellsRopeMasksAndOverlaps) {
  auto const found =
      infer_gphyt(published_fixture("gphyt/rope_causal_overlap.pt"), {.num_heads = 4});
  EXPECT_EQ(found.config.positions, GphytPositions::rope);
  EXPECT_EQ(found.config.attention, GphytAttentionMode::full_causal);
  EXPECT_EQ(found.config.tokenizer.overlap, 4);
  EXPECT_EQ(found.config.detokenizer.overlap, 2);
  EXPECT_FALSE(found.config.derivatives);
  EXPECT_EQ(found.cells, (std::array<int64_t, 2>{0, 0}));
  EXPECT_EQ(found.config.history, 4) << "of img_size";
}

TEST(InferGphyt, OptionsGoBeforeWhatTheFileSays) {
  auto const found = infer_gphyt(published_fixture("gphyt/convnet_heun_v1.pt"),
                                 {.num_heads = 3,
                                  .attention = GphytAttentionMode::temporal,
                                  .integrator = GphytIntegrator::rk4,
                                  .forward_semantics = GphytForward::head,
                                  .differences = GphytDifferences::bf16,
                                  .dropout = 0.25,
                                  .stochastic_depth = 0.5});
  EXPECT_EQ(found.config.attention, GphytAttentionMode::temporal);
  EXPECT_EQ(found.config.integrator, GphytIntegrator::rk4);
  EXPECT_EQ(found.config.forward_semantics, GphytForward::head);
  EXPECT_EQ(found.config.differences, GphytDifferences::bf16);
  EXPECT_EQ(found.config.dropout, 0.25);
  EXPECT_EQ(found.config.stochastic_depth, 0.5);
  auto const rope =
      infer_gphyt(published_fixture("gphyt/rope_spatial_nullint_head.pt"),
                  {.num_heads = 2, .history = 2, .attention = GphytAttentionMode::spatial});
  EXPECT_EQ(rope.config.history, 2);
  EXPECT_EQ(rope.config.attention, GphytAttentionMode::spatial);
  EXPECT_EQ(rope.config.integrator, GphytIntegrator::euler);
}

TEST(InferGphyt, AnIntegratorThatUpstreamDoesNotKnowIsNone) {
  auto checkpoint = published_fixture("gphyt/convnet_heun_v1.pt");
  auto& integrator = checkpoint.facts["config"]["model"]["transformer"]["integrator"];
  integrator = nullptr;
  EXPECT_EQ(infer_gphyt(checkpoint, {.num_heads = 3}).config.integrator, GphytIntegrator::none);
  integrator = "Midpoint";
  EXPECT_EQ(infer_gphyt(checkpoint, {.num_heads = 3}).config.integrator, GphytIntegrator::none);
  integrator = "RK4";
  EXPECT_EQ(infer_gphyt(checkpoint, {.num_heads = 3}).config.integrator, GphytIntegrator::rk4);
}

TEST(InferGphyt, FindsThePatchWithoutItsBuffer) {
  auto linear = published_fixture("gphyt/paper_abs_linear_euler.pt");
  forget(linear, "tokenizer.patch_size");
  EXPECT_EQ(infer_gphyt(linear, {.num_heads = 3}).config.patch, (std::array<int64_t, 3>{1, 8, 8}));
  auto stack = published_fixture("gphyt/convnet_heun_v1.pt");
  forget(stack, "tokenizer.patch_size");
  stack.facts = nlohmann::json::object();
  auto const found = infer_gphyt(stack, {.num_heads = 3});
  EXPECT_EQ(found.config.patch, (std::array<int64_t, 3>{1, 8, 4}));
  EXPECT_EQ(found.config.time_patch, 2);
  auto overlapping = published_fixture("gphyt/rope_causal_overlap.pt");
  forget(overlapping, "tokenizer.patch_size");
  EXPECT_EQ(infer_gphyt(overlapping, {.num_heads = 4}).config.tokenizer.overlap, 4);
  overlapping.facts = nlohmann::json::object();
  EXPECT_EQ(infer_gphyt(overlapping,
                        {.num_heads = 4, .patch = std::array<int64_t, 3>{1, 8, 8}, .time_patch = 2})
                .config.tokenizer.overlap,
            4);
  EXPECT_THAT(message_of(overlapping, {.num_heads = 4}),
              HasSubstr("they must differ by one overlap on all axes: give import.patch"));
}

TEST(InferGphyt, TakesHeadsOf64AndOf80InXL) {
  auto checkpoint = published_fixture("gphyt/paper_abs_linear_euler.pt");
  EXPECT_EQ(shape_of(infer_gphyt(checkpoint, {}).config).num_heads, 1);
  for (auto& [name, value] : checkpoint.parameters) {
    if (name == "attention_blocks.0.attention.to_qkv.weight") {
      value = at::empty({3 * 1280, 1280});
    }
  }
  EXPECT_EQ(shape_of(infer_gphyt(checkpoint, {}).config).num_heads, 16);
}

TEST(InferGphyt, RefusesWhatIsNoGphyt) {
  EXPECT_THAT(message_of({}),
              HasSubstr("the file holds no GPhyT: it has no "
                        "'attention_blocks.0.attention.to_qkv.weight' of 2 axes"));
  auto checkpoint = published_fixture("gphyt/paper_abs_linear_euler.pt");
  for (auto& [name, value] : checkpoint.parameters) {
    if (name == "tokenizer.tokenizer.to_patch_embedding.1.weight") {
      value = value.narrow(1, 0, 7);
    }
  }
  EXPECT_THAT(message_of(checkpoint),
              HasSubstr("the tokeniser reads 7 channels where 5 fields are written"));
  EXPECT_THAT(message_of(published_fixture("gphyt/paper_abs_linear_euler.pt"), {.history = 2}),
              HasSubstr("import.history is 2 but the table of positions is of 4 frames"));
  EXPECT_THAT(message_of(published_fixture("gphyt/rope_causal_overlap.pt"),
                         {.attention = GphytAttentionMode::full}),
              HasSubstr("the file has masks of causal attention"));
}

}  // namespace
}  // namespace eddyline
