#include "surrogates/unet/import.hpp"

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

std::string message_of(PytorchCheckpoint const& checkpoint, UnetImport const& options) {
  try {
    import_unet(checkpoint, options);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(UnetImport, ReadsTheSizesFromTheShapes) {
  auto const config = infer_unet(published_fixture("unet/paper2d_t4.pt"), {});
  EXPECT_EQ(config.patch, (std::array<int64_t, 3>{1, 16, 16}));
  EXPECT_EQ(config.features, 4);
  EXPECT_EQ(config.blocks_per_stage, 2);
  EXPECT_EQ(config.blocks_at_neck, 1);
  auto const other = infer_unet(published_fixture("unet/shallow2d_t1.pt"), {});
  EXPECT_EQ(other.patch, (std::array<int64_t, 3>{1, 4, 4}));
  EXPECT_EQ(other.blocks_per_stage, 1);
  EXPECT_EQ(other.blocks_at_neck, 2);
  EXPECT_EQ(infer_unet(published_fixture("unet/volume3d_t2.pt"), {}).patch,
            (std::array<int64_t, 3>{4, 4, 4}));
}

TEST(UnetImport, WhatTheFramesLeaveAreConstants) {
  auto const imported = import_unet(published_fixture("unet/paper2d_t4.pt"), {});
  EXPECT_EQ(imported.spec.input_fields.channel_names(),
            (std::vector<std::string>{"field0", "field1"}));
  EXPECT_EQ(imported.spec.constant_fields.channel_names(), (std::vector<std::string>{"constant0"}));
  EXPECT_EQ(imported.network->history(), 4);
  EXPECT_THAT(imported.summary, HasSubstr("2-D, patch 1, 16, 16, 4 features"));
}

TEST(UnetImport, NamesTheFieldsOfTheData) {
  auto const imported = import_unet(published_fixture("unet/volume3d_t2.pt"),
                                    {.fields = {"u:x:y"}, .constants = {"mask"}, .history = 2});
  EXPECT_EQ(imported.spec.input_fields.channel_names(), (std::vector<std::string>{"u_x", "u_y"}));
  EXPECT_EQ(imported.spec.constant_fields.channel_names(), (std::vector<std::string>{"mask"}));
  EXPECT_EQ(imported.spec.grid.dimensions(), 3);
}

TEST(UnetImport, KeepsEveryNumberOfTheFileByName) {
  auto const checkpoint = published_fixture("unet/shallow2d_t1.pt");
  auto const imported = import_unet(checkpoint, {.history = 1});
  auto const parameters = imported.network->named_parameters();
  auto const buffers = imported.network->named_buffers();
  int64_t index = 0;
  for (auto const& [name, value] : checkpoint.parameters) {
    bool const learns = parameters.contains(name);
    EXPECT_TRUE(at::equal(learns ? parameters[name] : buffers[name], value)) << name;
    EXPECT_EQ(learns, checkpoint.optimizer_state.contains(index)) << name;
    ASSERT_EQ(imported.optimizer.contains(name), learns) << name;
    if (learns) {
      EXPECT_TRUE(at::equal(imported.optimizer.at(name).at("exp_avg_sq"),
                            checkpoint.optimizer_state.at(index).at("exp_avg_sq")))
          << name;
    }
    ++index;
  }
  EXPECT_THAT(imported.report,
              Contains("kept        encoder.0.resample.block.0.bias: stored, never added"));
  EXPECT_EQ(imported.report.size(), 4U) << "one line a resampling, nothing else happened";
}

TEST(UnetImport, SaysThatAPrefixWasTakenOff) {
  EXPECT_THAT(import_unet(published_fixture("unet/volume3d_t2.pt"), {.history = 2}).report,
              Contains(HasSubstr("'module.' was taken off")));
}

TEST(UnetImport, DropsMomentsOfNoParameterAndSaysSo) {
  auto checkpoint = published_fixture("unet/paper2d_t4.pt");
  checkpoint.optimizer_state[100000] = {{"exp_avg", at::zeros({1})}};
  EXPECT_THAT(import_unet(checkpoint, {}).report,
              Contains("dropped     optimiser state of number 100000"));
}

TEST(UnetImport, RefusesWhatDoesNotFit) {
  auto const good = published_fixture("unet/shallow2d_t1.pt");
  auto broken = good;
  std::erase_if(broken.parameters, [](auto const& item) { return item.first == "out_proj.bias"; });
  EXPECT_THAT(message_of(broken, {.history = 1}),
              HasSubstr("the checkpoint lacks 'out_proj.bias'"));
  broken = good;
  broken.parameters.emplace_back("extra.weight", at::zeros({1}));
  EXPECT_THAT(message_of(broken, {.history = 1}),
              HasSubstr("the checkpoint holds 'extra.weight', which a CNextU-Net of these sizes"));
  broken = good;
  broken.parameters.back().second = at::zeros({3});
  EXPECT_THAT(message_of(broken, {.history = 1}), HasSubstr("has shape (3) in the checkpoint"));
  EXPECT_THAT(message_of({}, {}), HasSubstr("the file holds no CNextU-Net: it has no 'in_proj"));
  EXPECT_THAT(message_of({.parameters = {{"in_proj.weight", at::zeros({4, 4})}}}, {}),
              HasSubstr("the file holds no CNextU-Net of 1 to 3 axes but of 0"));
}

TEST(UnetImport, RefusesSizesThatTheFileDoesNotHold) {
  auto checkpoint = published_fixture("unet/shallow2d_t1.pt");
  for (auto& [name, value] : checkpoint.parameters) {
    value = name == "in_proj.weight" ? at::zeros({1000000, 3, 1, 1}) : value;
  }
  EXPECT_THAT(message_of(checkpoint, {.history = 1}),
              HasSubstr("2 levels above 1000000 features do not lead to"));
  checkpoint = published_fixture("unet/shallow2d_t1.pt");
  for (auto& [name, value] : checkpoint.parameters) {
    value = name == "encoder.1.resample.block.1.weight" ? at::zeros({3}) : value;
  }
  EXPECT_THAT(message_of(checkpoint, {.history = 1}),
              HasSubstr("'encoder.1.resample.block.1.weight' has 1 axes"));
}

TEST(UnetImport, RefusesChannelsThatAreNotThoseOfTheData) {
  auto const checkpoint = published_fixture("unet/shallow2d_t1.pt");  // 1 frame of 3 fields
  EXPECT_THAT(message_of(checkpoint, {.history = 4}),
              HasSubstr("takes 3 channels and predicts 3: that is not 4 frames; set "
                        "import.history to 1 or less"));
  EXPECT_THAT(message_of(checkpoint, {.fields = {"u"}, .history = 1}),
              HasSubstr("the checkpoint predicts 3 channels, import.fields names 1"));
  EXPECT_THAT(message_of(checkpoint, {.constants = {"mask"}, .history = 1}),
              HasSubstr("the checkpoint takes 0 channels besides 1 frames of 3, import.constants "
                        "names 1"));
}

TEST(UnetImport, RefusesANetworkThatPredictsMoreThanItIsGiven) {
  auto checkpoint = published_fixture("unet/shallow2d_t1.pt");
  for (auto& [name, value] : checkpoint.parameters) {
    value = name == "out_proj.weight" ? at::zeros({4, 5, 3, 3}) : value;
  }
  EXPECT_THAT(message_of(checkpoint, {.history = 1}),
              HasSubstr("takes 3 channels and predicts 4; only networks that predict every field"));
}

TEST(UnetImport, ItsCheckpointMakesTheSameNetworkAgain) {
  auto const imported = import_unet(published_fixture("unet/volume3d_t2.pt"), {.history = 2});
  auto const again = load_model(to_native(imported));
  EXPECT_EQ(again->config(), imported.network->config());
  auto const parameters = again->named_parameters();
  for (auto const& item : imported.network->named_parameters()) {
    EXPECT_TRUE(at::equal(item.value(), parameters[item.key()])) << item.key();
  }
  auto const buffers = again->named_buffers();
  for (auto const& item : imported.network->named_buffers()) {
    EXPECT_TRUE(at::equal(item.value(), buffers[item.key()])) << item.key();
  }
}

}  // namespace
}  // namespace eddyline
