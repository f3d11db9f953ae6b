#include "surrogates/gphyt/import.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/stored_model.hpp"
#include "tests/surrogates/published_fixture.hpp"

namespace eddyline {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

std::string message_of(PytorchCheckpoint const& checkpoint, GphytImport const& options) {
  try {
    import_gphyt(checkpoint, options);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

at::Tensor& tensor_of(PytorchCheckpoint& checkpoint, std::string const& name) {
  for (auto& [key, value] : checkpoint.parameters) {
    if (key == name) {
      return value;
    }
  }
  throw Error("no " + name);
}

TEST(GphytImport, KeepsWeightsByNameAndReportsBuffers) {
  auto const checkpoint = published_fixture("gphyt/paper_abs_linear_euler.pt");
  auto const imported = import_gphyt(checkpoint, {.num_heads = 3});
  auto const parameters = imported.network->named_parameters();
  size_t kept = 0;
  for (auto const& [name, value] : checkpoint.parameters) {
    if (!is_gphyt_buffer(name)) {
      EXPECT_TRUE(at::equal(parameters[name], value)) << name;
      ++kept;
    }
  }
  EXPECT_EQ(kept, parameters.size());
  EXPECT_EQ(imported.report.size(), checkpoint.parameters.size() - kept);
  EXPECT_THAT(imported.report, Contains(HasSubstr("dropped     derivatives.dh_filter")));
  EXPECT_THAT(imported.report, Contains(HasSubstr("dropped     tokenizer.patch_size")));
  EXPECT_THAT(imported.summary, HasSubstr("num_heads 3 (given)"));
  EXPECT_THAT(imported.summary, HasSubstr("32 × 16 points"));
}

TEST(GphytImport, SaysWhichPrefixWasTakenOff) {
  EXPECT_THAT(import_gphyt(published_fixture("gphyt/convnet_heun_v1.pt"), {.num_heads = 3}).report,
              Contains(HasSubstr("the leading 'module.' was taken off")));
  auto const compiled =
      import_gphyt(published_fixture("gphyt/rope_causal_overlap.pt"), {.num_heads = 4}).report;
  EXPECT_THAT(compiled, Contains(HasSubstr("the leading '_orig_mod.' was taken off")));
  EXPECT_THAT(compiled, Contains(HasSubstr("dropped     attention_blocks.1.attention.mask")));
  EXPECT_THAT(compiled,
              Contains(HasSubstr("dropped     attention_blocks.0.attention.pe.time_inv_freq")));
  EXPECT_THAT(
      import_gphyt(published_fixture("gphyt/rope_spatial_nullint_head.pt"), {.num_heads = 2})
          .report,
      Not(Contains(HasSubstr("renamed"))));
}

TEST(GphytImport, ToleratesMissingBuffersButNothingElse) {
  auto checkpoint = published_fixture("gphyt/paper_abs_linear_euler.pt");
  std::erase_if(checkpoint.parameters,
                [](auto const& item) { return is_gphyt_buffer(item.first); });
  EXPECT_EQ(message_of(checkpoint, {.num_heads = 3}), "no error");
  auto lacking = checkpoint;
  std::erase_if(lacking.parameters,
                [](auto const& item) { return item.first == "attention_blocks.2.norm2.bias"; });
  EXPECT_THAT(message_of(lacking, {.num_heads = 3}),
              HasSubstr("the checkpoint lacks 'attention_blocks.2.norm2.bias'; it is of another "
                        "network or was cut"));
  auto more = checkpoint;
  more.parameters.emplace_back("head.weight", at::zeros({1}));
  EXPECT_THAT(message_of(more, {.num_heads = 3}),
              HasSubstr("the checkpoint holds 'head.weight', which GPhyT of these sizes"));
  auto other = checkpoint;
  tensor_of(other, "attention_blocks.1.mlp.mlp.0.bias") = at::zeros({7});
  EXPECT_THAT(message_of(other, {.num_heads = 3}),
              HasSubstr("'attention_blocks.1.mlp.mlp.0.bias' has shape (7) in the checkpoint, (96) "
                        "in the network"));
}

TEST(GphytImport, RefusesOtherFilters) {
  auto checkpoint = published_fixture("gphyt/paper_abs_linear_euler.pt");
  auto& filter = tensor_of(checkpoint, "derivatives.dw_filter");
  filter = filter.clone();
  filter[2][0][0][0][1] = 0.5;
  EXPECT_THAT(message_of(checkpoint, {.num_heads = 3}),
              HasSubstr("'derivatives.dw_filter' is not (-1, 0, 1) for every field"));
  filter = at::zeros({5, 1, 1, 1, 5});
  EXPECT_THAT(message_of(checkpoint, {.num_heads = 3}), HasSubstr("is not (-1, 0, 1)"));
}

TEST(GphytImport, NamesTheFieldsOfTheData) {
  auto const published =
      import_gphyt(published_fixture("gphyt/paper_abs_linear_euler.pt"), {.num_heads = 3});
  EXPECT_EQ(
      published.spec.input_fields.channel_names(),
      (std::vector<std::string>{"pressure", "density", "temperature", "velocity_x", "velocity_y"}));
  EXPECT_EQ(published.spec.grid.shape(), (std::array<int64_t, 3>{1, 32, 16}));
  auto const unnamed =
      import_gphyt(published_fixture("gphyt/convnet_heun_v1.pt"), {.num_heads = 3});
  EXPECT_EQ(unnamed.spec.input_fields.channel_names(),
            (std::vector<std::string>{"field0", "field1", "field2", "field3"}));
  auto const named = import_gphyt(published_fixture("gphyt/convnet_heun_v1.pt"),
                                  {.fields = {"h", "u:x:y", "c"}, .num_heads = 3});
  EXPECT_EQ(named.spec.output_fields.channel_names(),
            (std::vector<std::string>{"h", "u_x", "u_y", "c"}));
  EXPECT_THAT(
      message_of(published_fixture("gphyt/convnet_heun_v1.pt"), {.fields = {"h"}, .num_heads = 3}),
      HasSubstr("import.fields are 1 channels (h), the file has 4"));
}

TEST(GphytImport, KeepsTheOptimisersMomentsByName) {
  auto checkpoint = published_fixture(
      "gphyt/paper_abs_linear_euler.pt");  // no step was taken: its state is empty
  EXPECT_TRUE(checkpoint.optimizer_state.empty());
  checkpoint.optimizer_state[2] = {{"step", at::ones({})},
                                   {"exp_avg", at::full({1, 4, 4, 2, 48}, 0.5)},
                                   {"exp_avg_sq", at::ones({1, 4, 4, 2, 48})}};
  checkpoint.optimizer_state[3] = {{"exp_avg", at::zeros({2})}};
  auto const imported = import_gphyt(checkpoint, {.num_heads = 3});
  ASSERT_TRUE(imported.optimizer.contains("init_pos_encodings.pe"));
  EXPECT_EQ(imported.optimizer.at("init_pos_encodings.pe").at("exp_avg").max().item<double>(), 0.5);
  EXPECT_THAT(imported.report,
              Contains(HasSubstr(
                  "dropped     optimiser state of attention_blocks.0.attention.to_qkv.weight")));
}

TEST(GphytImport, ItsCheckpointMakesTheSameNetworkAgain) {
  for (auto const* name : {"paper_abs_linear_euler.pt", "rope_spatial_nullint_head.pt"}) {
    auto const imported = import_gphyt(published_fixture(concat("gphyt/", name)), {.num_heads = 2});
    auto const again = load_model(to_native(imported));
    EXPECT_EQ(again->config(), imported.network->config());
    auto const parameters = again->named_parameters();
    for (auto const& item : imported.network->named_parameters()) {
      EXPECT_TRUE(at::equal(item.value(), parameters[item.key()])) << item.key();
    }
  }
}

}  // namespace
}  // namespace eddyline
