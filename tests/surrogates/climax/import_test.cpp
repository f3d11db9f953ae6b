#include "surrogates/climax/import.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/climax/positions.hpp"
#include "surrogates/stored_model.hpp"
#include "tests/surrogates/published_fixture.hpp"

namespace eddyline {
namespace {

using testing::Contains;
using testing::HasSubstr;

std::string message_of(PytorchCheckpoint const& checkpoint, ClimaxImport const& options) {
  try {
    import_climax(checkpoint, options);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

ClimaxState state_of(PytorchCheckpoint const& checkpoint) {
  std::vector<std::string> report;
  return renamed_state(checkpoint, report);
}

ClimaxImport four_heads() {
  return {.heads = 4};
}

TEST(ClimaxImport, ReadsTheSizesFromTheShapes) {
  auto const config =
      infer_climax(state_of(published_fixture("climax/global_parallel_patch4.pt")), {.heads = 6});
  EXPECT_EQ(config.dim, 48);
  EXPECT_EQ(config.depth, 2);
  EXPECT_EQ(config.decoder_depth, 1);
  EXPECT_EQ(config.patch, (std::array<int64_t, 3>{1, 4, 4}));
  EXPECT_EQ(*config.grid, (std::array<int64_t, 2>{16, 32}));
  EXPECT_EQ(config.mlp_ratio, 4);
  EXPECT_EQ(config.tokens, TokenLayout::parallel);
  EXPECT_EQ(config.variables[9], "variable9");
  auto const projection = infer_climax(state_of(published_fixture("climax/projection_history4.pt")),
                                       {.heads = 4, .grid = {{12, 18}}});
  EXPECT_EQ(projection.variant, ClimaxVariant::projection);
  EXPECT_EQ(projection.history, 4);
  EXPECT_EQ(projection.mlp_ratio, 2);
  EXPECT_EQ(projection.variables, climatebench_variables());
  EXPECT_EQ(infer_climax(state_of(published_fixture("climax/global_finer_grid.pt")), {.heads = 3})
                .decoder_depth,
            0);
}

TEST(ClimaxImport, KeepsWeightsAndOrderByName) {
  auto const checkpoint = published_fixture("climax/global_subset_vars.pt");
  auto const imported = import_climax(checkpoint, four_heads());
  auto const parameters = imported.network->named_parameters();
  ASSERT_EQ(parameters.size(), checkpoint.parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    EXPECT_EQ("net." + parameters[i].key(), checkpoint.parameters[i].first);
    EXPECT_TRUE(at::equal(parameters[i].value(), checkpoint.parameters[i].second));
  }
  EXPECT_EQ(imported.report,
            (std::vector<std::string>{"renamed     every key: the leading 'net.' was taken off"}));
}

/// Older files say channel, and may hold the state dict alone.
TEST(ClimaxImport, KnowsTheOldNames) {
  auto checkpoint = published_fixture("climax/global_subset_vars.pt");
  for (auto& [key, value] : checkpoint.parameters) {
    for (auto const& part : {"var_embed", "var_query", "var_agg"}) {
      if (key.find(part) != std::string::npos) {
        key.replace(0, 7, "channel");  // net.var → channel
      }
    }
    if (key.starts_with("net.")) {
      key.erase(0, 4);
    }
  }
  EXPECT_TRUE(is_climax(checkpoint));
  auto const imported = import_climax(checkpoint, four_heads());
  EXPECT_THAT(imported.report,
              Contains(HasSubstr("renamed     channel_agg.in_proj_bias to var_agg.in_proj_bias")));
  EXPECT_EQ(imported.report.size(), 6U);
}

TEST(ClimaxImport, ConvertsBetweenTheLayouts) {
  auto const serial = state_of(published_fixture("climax/global_subset_vars.pt"));
  auto const parallel = with_layout(serial, TokenLayout::parallel);
  EXPECT_EQ(layout_of(parallel), TokenLayout::parallel);
  EXPECT_EQ(parallel[3].first, "token_embeds.proj_weights");
  EXPECT_TRUE(at::equal(parallel[3].second[7], serial[3 + 14].second));
  auto const back = with_layout(parallel, TokenLayout::serial);
  ASSERT_EQ(back.size(), serial.size());
  for (size_t i = 0; i < back.size(); ++i) {
    EXPECT_EQ(back[i].first, serial[i].first);
    EXPECT_TRUE(at::equal(back[i].second, serial[i].second)) << back[i].first;
  }
  auto options = four_heads();
  options.tokens = TokenLayout::parallel;
  EXPECT_THAT(import_climax(published_fixture("climax/global_subset_vars.pt"), options).report,
              Contains(HasSubstr("to rows N of token_embeds.proj_weights")));
  options = {.heads = 6, .tokens = TokenLayout::serial};
  EXPECT_THAT(import_climax(published_fixture("climax/global_parallel_patch4.pt"), options).report,
              Contains(HasSubstr("renamed     rows N of token_embeds.proj_weights")));
}

TEST(ClimaxImport, RefusesHalfOfALayout) {
  auto state = state_of(published_fixture("climax/global_subset_vars.pt"));
  std::erase_if(state, [](auto const& item) { return item.first == "token_embeds.4.proj.bias"; });
  EXPECT_THROW(with_layout(state, TokenLayout::parallel), Error);
  auto stacked = state_of(published_fixture("climax/global_parallel_patch4.pt"));
  for (auto& [key, value] : stacked) {
    if (key == "token_embeds.proj_biases") {
      value = value.narrow(0, 0, 3);
    }
  }
  EXPECT_THROW(with_layout(stacked, TokenLayout::serial), Error);
  EXPECT_THROW(layout_of({}), Error);
}

TEST(ClimaxImport, ResamplesPositionsForANewGridOfAnyAspect) {
  auto const checkpoint = published_fixture("climax/global_finer_grid.pt");
  ClimaxImport options{.heads = 3, .new_grid = {{18, 40}}};
  auto const imported = import_climax(checkpoint, options);
  auto const expected = resample_positions(checkpoint.parameters[2].second, {8, 16}, {9, 20});
  EXPECT_TRUE(at::equal(imported.network->named_parameters()["pos_embed"], expected));
  EXPECT_THAT(imported.report,
              Contains(HasSubstr("resized     pos_embed from (1, 128, 24) to (1, 180, 24)")));
  EXPECT_EQ(imported.spec.grid.shape(), (std::array<int64_t, 3>{1, 18, 40}));
  // Only the width differs.
  options.new_grid = {{16, 40}};
  EXPECT_EQ(import_climax(checkpoint, options).report.size(), 2U);
}

TEST(ClimaxImport, SaysWhenTheGridIsNotKnown) {
  EXPECT_THAT(message_of(published_fixture("climax/projection_history4.pt"), four_heads()),
              HasSubstr("the checkpoint's 24 positions are not of a 1:2 grid; give import.grid"));
  EXPECT_THAT(message_of(published_fixture("climax/projection_history4.pt"),
                         {.heads = 4, .grid = {{12, 12}}}),
              HasSubstr("import.grid 12 x 12 does not have the 24 patches of 3 x 3 cells"));
}

TEST(ClimaxImport, ChoosesVariablesByName) {
  auto options = four_heads();
  options.variables = {
      "lsm", "b", "c", "2m_temperature", "e", "f", "geopotential_500", "h", "i", "j"};
  options.inputs = {"z_500", "lsm"};
  options.outputs = {"t2m"};
  auto const imported = import_climax(published_fixture("climax/global_subset_vars.pt"), options);
  EXPECT_EQ(imported.spec.input_fields.channel_names(), (std::vector<std::string>{"z_500", "lsm"}));
  imported.network->eval();
  Batch const batch{.input = at::zeros({1, 1, 2, 1, 16, 32}), .lead_time = at::zeros({1})};
  EXPECT_EQ(imported.network->predict(batch, {}).sizes().vec(),
            (std::vector<int64_t>{1, 1, 1, 1, 16, 32}));
  options.variables.pop_back();
  EXPECT_THAT(message_of(published_fixture("climax/global_subset_vars.pt"), options),
              HasSubstr("import.variables names 9 variables, the checkpoint has 10"));
}

TEST(ClimaxImport, BeginsAProjectionFromAGlobalCheckpoint) {
  auto const checkpoint = published_fixture("climax/global_subset_vars.pt");
  ClimaxImport const options{.variant = ClimaxVariant::projection,
                             .outputs = {"tas"},
                             .heads = 4,
                             .history = 5,
                             .freeze_encoder = true};
  auto const imported = import_climax(checkpoint, options);
  auto const parameters = imported.network->named_parameters();
  EXPECT_EQ(parameters["time_pos_embed"].size(1), 5);
  EXPECT_EQ(parameters["var_embed"].size(1), 4);
  for (auto const& [name, value] : state_of(checkpoint)) {
    if (name.starts_with("blocks.") || name == "pos_embed") {
      EXPECT_TRUE(at::equal(parameters[name], value)) << name;
    }
  }
  EXPECT_THAT(imported.report, Contains("dropped     var_embed"));
  EXPECT_THAT(imported.report, Contains("dropped     token_embeds.7.proj.bias"));
  EXPECT_THAT(imported.report, Contains("dropped     head.4.weight"));
  EXPECT_THAT(imported.report, Contains("new         var_embed"));
  EXPECT_THAT(imported.report, Contains("new         token_embeds.3.proj.weight"));
  EXPECT_THAT(imported.report, Contains("new         time_agg.out_proj.weight"));
  EXPECT_THAT(imported.report, Contains("new         head.weight"));
  EXPECT_EQ(imported.spec.output_fields.channel_names(), (std::vector<std::string>{"tas"}));
}

TEST(ClimaxImport, AProjectionStaysOne) {
  ClimaxImport options{.heads = 4, .grid = {{12, 18}}};
  auto const imported = import_climax(published_fixture("climax/projection_history4.pt"), options);
  EXPECT_EQ(imported.network->history(), 4);
  EXPECT_EQ(imported.report.size(), 1U);
  options.variant = ClimaxVariant::global;
  EXPECT_THAT(message_of(published_fixture("climax/projection_history4.pt"), options),
              HasSubstr("the checkpoint is a projection; it has no head to forecast with"));
  options = {.heads = 4, .grid = {{12, 18}}, .new_grid = {{24, 36}}};
  EXPECT_THAT(message_of(published_fixture("climax/projection_history4.pt"), options),
              HasSubstr("a projection predicts the cells of its own grid"));
}

TEST(ClimaxImport, ARegionTakesTheGlobalWeights) {
  ClimaxImport const options{
      .variant = ClimaxVariant::regional, .heads = 3, .region = RegionName::europe};
  auto const imported = import_climax(published_fixture("climax/regional_europe.pt"), options);
  auto const& climax = dynamic_cast<Climax&>(*imported.network);
  EXPECT_EQ(climax.region()->cell_rows().front(), 22) << "north of the equator";
}

TEST(ClimaxImport, NothingMayBeMissingOrUnexpected) {
  auto checkpoint = published_fixture("climax/global_subset_vars.pt");
  std::erase_if(checkpoint.parameters,
                [](auto const& item) { return item.first == "net.norm.weight"; });
  EXPECT_THAT(message_of(checkpoint, four_heads()),
              HasSubstr("the checkpoint lacks 'norm.weight'"));
  checkpoint = published_fixture("climax/global_subset_vars.pt");
  checkpoint.parameters.emplace_back("net.extra.weight", at::zeros({1}));
  EXPECT_THAT(message_of(checkpoint, four_heads()),
              HasSubstr("the checkpoint holds 'extra.weight'"));
  checkpoint = published_fixture("climax/global_subset_vars.pt");
  checkpoint.parameters.emplace_back("norm.weight", at::zeros({1}));
  EXPECT_THAT(message_of(checkpoint, four_heads()),
              HasSubstr("the checkpoint has two keys for 'norm.weight'"));
  checkpoint = published_fixture("climax/global_subset_vars.pt");
  for (auto& [key, value] : checkpoint.parameters) {
    if (key == "net.blocks.1.attn.proj.bias") {
      value = at::zeros({5});
    }
  }
  EXPECT_THAT(message_of(checkpoint, four_heads()),
              HasSubstr("'blocks.1.attn.proj.bias' has shape (5) in the checkpoint, (32)"));
  EXPECT_THAT(message_of({}, {}), HasSubstr("the file holds no ClimaX: it has no 'var_embed'"));
}

TEST(ClimaxImport, SaysThatLightningsOptimiserIsLeftOut) {
  auto checkpoint = published_fixture("climax/global_subset_vars.pt");
  checkpoint.facts["optimizer_states"] = {{{"state", nullptr}}};
  EXPECT_THAT(import_climax(checkpoint, four_heads()).report,
              Contains("dropped     optimizer_states"));
}

TEST(ClimaxImport, ItsCheckpointMakesTheSameNetworkAgain) {
  ClimaxImport const options{.variant = ClimaxVariant::regional,
                             .heads = 3,
                             .tokens = TokenLayout::parallel,
                             .box = {{-30, 40, 330, 60}}};
  auto const imported = import_climax(published_fixture("climax/regional_europe.pt"), options);
  auto const again = load_model(to_native(imported));
  EXPECT_EQ(again->config(), imported.network->config());
  auto const parameters = again->named_parameters();
  for (auto const& item : imported.network->named_parameters()) {
    EXPECT_TRUE(at::equal(item.value(), parameters[item.key()])) << item.key();
  }
}

}  // namespace
}  // namespace eddyline
