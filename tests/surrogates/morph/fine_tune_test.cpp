#include <tuple>

#include <gtest/gtest.h>

#include "surrogates/morph/morph.hpp"

namespace eddyline {
namespace {

std::vector<std::string> const kNames = {"patch_embedding.conv_features.input_proj.weight",
                                         "patch_embedding.projection.weight",
                                         "patch_embedding.field_attn.q",
                                         "pos_encoding.pos_embedding",
                                         "transformer_blocks.0.norm1.weight",
                                         "transformer_blocks.0.norm1.bias",
                                         "transformer_blocks.0.axial_attn.attn_t.q.A",
                                         "transformer_blocks.0.axial_attn.attn_t.q.base.weight",
                                         "decoder.norm.weight",
                                         "decoder.linear.weight"};

std::vector<std::string> group_names(FineTune stage) {
  std::vector<std::string> names;
  for (auto const& group : fine_tune_groups(stage, kNames, 1)) {
    names.push_back(group.name);
  }
  return names;
}

TEST(FineTuneGroups, LevelsAreCumulative) {
  EXPECT_EQ(group_names(FineTune::level1), (std::vector<std::string>{"lora", "norm", "pos"}));
  EXPECT_EQ(group_names(FineTune::level2),
            (std::vector<std::string>{"lora", "norm", "pos", "conv", "proj", "xattn"}));
  EXPECT_EQ(group_names(FineTune::level3),
            (std::vector<std::string>{"lora", "norm", "pos", "conv", "proj", "xattn", "decoder"}));
  EXPECT_EQ(group_names(FineTune::level4), (std::vector<std::string>{"all"}));
}

/// name, rate at a peak of 1e-3, decay
using Setting = std::tuple<std::string, double, double>;

std::vector<Setting> settings(FineTune stage) {
  std::vector<Setting> found;
  for (auto const& group : fine_tune_groups(stage, kNames, 1)) {
    found.emplace_back(group.name, 1e-3 * group.learning_rate_scale, group.weight_decay);
  }
  return found;
}

TEST(FineTuneGroups, RatesAndDecaysAreUpstreamsAtAPeakOfOneThousandth) {
  std::vector<Setting> expected = {{"lora", 1e-3, 0}, {"norm", 1e-4, 0}, {"pos", 1e-4, 0}};
  EXPECT_EQ(settings(FineTune::level1), expected);
  for (auto const* name : {"conv", "proj", "xattn"}) {
    expected.emplace_back(name, 1e-4, 1e-5);
  }
  EXPECT_EQ(settings(FineTune::level2), expected);
  expected.emplace_back("decoder", 1e-4, 1e-5);
  EXPECT_EQ(settings(FineTune::level3), expected);
  EXPECT_EQ(settings(FineTune::level4), (std::vector<Setting>{{"all", 1e-4, 0}}));
}

TEST(FineTuneGroups, BaseWeightsOfBlocksStayFrozen) {
  for (auto const& group : fine_tune_groups(FineTune::level3, kNames, 1)) {
    for (auto const& name : group.parameters) {
      EXPECT_EQ(name.find(".base."), std::string::npos) << name;
    }
  }
}

TEST(FineTuneGroups, SecondStageTrainsTimeAttentionAndTheLastEightNorms) {
  std::vector<std::string> names;
  for (int i = 0; i < 6; ++i) {
    for (auto const* part : {"norm1.weight",
                             "norm1.bias",
                             "axial_attn.attn_t.q.base.weight",
                             "axial_attn.attn_w.q.base.weight",
                             "norm2.weight"}) {
      names.push_back("transformer_blocks." + std::to_string(i) + "." + part);
    }
  }
  names.insert(names.end(), {"decoder.norm.weight", "decoder.linear.weight"});
  auto const groups = fine_tune_groups(FineTune::ar1k, names, 6);
  ASSERT_EQ(groups.size(), 1U);
  auto const has = [&](std::string const& name) {
    return std::count(groups[0].parameters.begin(), groups[0].parameters.end(), name) == 1;
  };
  EXPECT_TRUE(has("decoder.norm.weight"));
  EXPECT_TRUE(has("transformer_blocks.2.norm2.weight"));
  EXPECT_FALSE(has("transformer_blocks.2.norm1.weight"));  // the ninth from the end
  EXPECT_TRUE(has("transformer_blocks.3.norm1.bias"));
  EXPECT_TRUE(has("transformer_blocks.2.axial_attn.attn_t.q.base.weight"));
  EXPECT_FALSE(has("transformer_blocks.1.axial_attn.attn_t.q.base.weight"));
  EXPECT_FALSE(has("transformer_blocks.5.axial_attn.attn_w.q.base.weight"));
}

}  // namespace
}  // namespace eddyline
