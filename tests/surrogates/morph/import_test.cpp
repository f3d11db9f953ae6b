#include "surrogates/morph/import.hpp"

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

std::string message_of(PytorchCheckpoint const& checkpoint, MorphImport const& options) {
  try {
    import_morph(checkpoint, options);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

MorphImport small(int64_t heads, int64_t heads_xa) {
  return {.heads = heads, .heads_xa = heads_xa};
}

TEST(MorphImport, ReadsTheSizesFromTheShapes) {
  auto const config = infer_morph(published_fixture("morph/lora3d_vec_ar2.pt"), small(4, 8));
  auto const shape = shape_of(config);
  EXPECT_EQ(shape.dim, 32);
  EXPECT_EQ(shape.depth, 2);
  EXPECT_EQ(shape.mlp_dim, 48);
  EXPECT_EQ(shape.filters, 8);
  EXPECT_EQ(config.patch, (std::array<int64_t, 3>{4, 4, 4}));
  EXPECT_EQ(config.max_ar, 2);
  EXPECT_EQ(config.max_patches, 32);
  EXPECT_EQ(config.max_fields, 3);
  EXPECT_EQ(config.max_components, 3);
  EXPECT_EQ(config.lora.attention_rank, 4);
  EXPECT_EQ(config.lora.mlp_rank, 3);
}

TEST(MorphImport, KeepsWeightsAndMomentsByName) {
  auto const checkpoint = published_fixture("morph/bilinearL2d_vec_ar2.pt");
  auto const imported = import_morph(checkpoint, small(2, 4));
  auto const parameters = imported.network->named_parameters();
  int64_t index = 0;
  for (auto const& [name, value] : checkpoint.parameters) {
    EXPECT_TRUE(at::equal(parameters[name], value)) << name;
    auto const state = checkpoint.optimizer_state.find(index++);
    ASSERT_EQ(imported.optimizer.contains(name), state != checkpoint.optimizer_state.end()) << name;
    if (imported.optimizer.contains(name)) {
      EXPECT_TRUE(at::equal(imported.optimizer.at(name).at("exp_avg"), state->second.at("exp_avg")))
          << name;
    }
  }
  EXPECT_THAT(imported.report, Contains(HasSubstr("'module.' was taken off")));
}

TEST(MorphImport, FindsMomentsByTheGroupsOfAFineTuningRun) {
  auto checkpoint = published_fixture("morph/lora3d_vec_ar2.pt");
  std::vector<std::pair<std::string, at::Tensor>> order;  // lora, norm, pos
  auto groups = nlohmann::json::array();
  for (auto const* marks : {".A .B", "norm", "pos_encoding"}) {
    auto numbers = nlohmann::json::array();
    for (auto const& [name, value] : checkpoint.parameters) {
      bool const is_lora = name.ends_with(".A") || name.ends_with(".B");
      if (is_lora ? marks == std::string(".A .B") : name.find(marks) != std::string::npos) {
        numbers.push_back(order.size());
        order.emplace_back(name, value);
      }
    }
    groups.push_back({{"params", numbers}});
  }
  checkpoint.param_groups = groups;
  for (size_t i = 0; i < order.size(); ++i) {
    checkpoint.optimizer_state[static_cast<int64_t>(i)] = {
        {"exp_avg", at::full_like(order[i].second, static_cast<double>(i))}};
  }
  auto const imported = import_morph(checkpoint, small(4, 8));
  ASSERT_EQ(imported.optimizer.size(), order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    auto const& moment = imported.optimizer.at(order[i].first).at("exp_avg");
    EXPECT_EQ(moment.max().item<double>(), static_cast<double>(i)) << order[i].first;
    EXPECT_EQ(moment.sizes(), order[i].second.sizes()) << order[i].first;
  }
}

TEST(MorphImport, AddsLoraThatTheCheckpointLacks) {
  auto options = small(3, 4);
  options.lora = {.attention_rank = 2, .mlp_rank = 2};
  auto const imported = import_morph(published_fixture("morph/scalar2d_ar1.pt"), options);
  EXPECT_THAT(imported.report, Contains(HasSubstr("attn_h.q.B (LoRA)")));
  EXPECT_EQ(imported.network->named_parameters()["transformer_blocks.0.axial_attn.attn_h.q.B"]
                .abs()
                .max()
                .item<double>(),
            0);
}

TEST(MorphImport, OnlyLoraMayBeMissing) {
  auto checkpoint = published_fixture("morph/scalar2d_ar1.pt");
  std::erase_if(checkpoint.parameters,
                [](auto const& item) { return item.first == "decoder.norm.weight"; });
  EXPECT_THAT(message_of(checkpoint, small(3, 4)),
              HasSubstr("the checkpoint lacks 'decoder.norm.weight'"));
  checkpoint = published_fixture("morph/scalar2d_ar1.pt");
  checkpoint.parameters.emplace_back("extra.weight", at::zeros({1}));
  EXPECT_THAT(message_of(checkpoint, small(3, 4)),
              HasSubstr("the checkpoint holds 'extra.weight'"));
  EXPECT_THAT(message_of({}, {}), HasSubstr("the file holds no MORPH"));
}

TEST(MorphImport, AnotherPatchReinitialisesAndSaysSo) {
  auto options = small(3, 4);
  options.patch = {4, 4, 4};
  auto const imported = import_morph(published_fixture("morph/scalar2d_ar1.pt"), options);
  EXPECT_THAT(imported.report,
              Contains(HasSubstr("initialised patch_embedding.projection.weight anew")));
  EXPECT_THAT(imported.report, Contains(HasSubstr("initialised decoder.linear.bias anew")));
  EXPECT_EQ(imported.report.size(), 3U);
}

TEST(MorphImport, ResizesTheTableOfPositionsOnRequest) {
  auto options = small(4, 8);
  options.max_ar = 6;
  options.max_patches = 16;
  options.patch = {1, 1, 8};
  auto const checkpoint = published_fixture("morph/standalone1d_ar3.pt");  // 4 rows of 8
  auto const imported = import_morph(checkpoint, options);
  auto const table = imported.network->named_parameters()["pos_encoding.pos_embedding"];
  EXPECT_EQ(table.sizes().vec(), (std::vector<int64_t>{1, 6, 16, 32}));
  EXPECT_TRUE(at::equal(table[0][4], table[0][3])) << "what is left over repeats the last row";
  EXPECT_THAT(imported.report, Contains(HasSubstr("resized     pos_encoding.pos_embedding")));
}

TEST(MorphImport, NamesTheFieldsOfTheData) {
  auto options = small(4, 8);
  options.fields = {"density", "velocity:x:y:z"};
  auto const imported = import_morph(published_fixture("morph/lora3d_vec_ar2.pt"), options);
  EXPECT_EQ(imported.spec.input_fields.channel_names(),
            (std::vector<std::string>{"density", "velocity_x", "velocity_y", "velocity_z"}));
}

TEST(MorphImport, ItsCheckpointMakesTheSameNetworkAgain) {
  auto options = small(4, 8);
  options.history = 2;
  options.fields = {"density", "velocity:x:y:z"};
  auto const imported = import_morph(published_fixture("morph/lora3d_vec_ar2.pt"), options);
  auto const native = to_native(imported);
  auto const again = load_model(native);
  EXPECT_EQ(again->config(), imported.network->config());
  auto const parameters = again->named_parameters();
  for (auto const& item : imported.network->named_parameters()) {
    EXPECT_TRUE(at::equal(item.value(), parameters[item.key()])) << item.key();
  }
}

TEST(MorphImport, ItsCheckpointHoldsTheMoments) {
  auto const imported =
      import_morph(published_fixture("morph/bilinearL2d_vec_ar2.pt"), small(2, 4));
  auto const tensors = to_native(imported).tensors;
  ASSERT_EQ(imported.optimizer.size(), 87U) << "95 parameters, 8 of them without a gradient";
  for (auto const& [name, state] : imported.optimizer) {
    for (auto const* part : {"exp_avg", "exp_avg_sq", "step"}) {
      EXPECT_TRUE(at::equal(tensors.at("optimiser/" + name + "/" + part), state.at(part))) << name;
    }
  }
}

}  // namespace
}  // namespace eddyline
