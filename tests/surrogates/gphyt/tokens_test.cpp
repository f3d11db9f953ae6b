#include "surrogates/gphyt/tokens.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;
using Sizes = std::vector<int64_t>;

template <class Module>
void randomise(Module const& module) {
  at::NoGradGuard const no_grad;
  at::manual_seed(1);
  for (auto const& parameter : module.parameters()) {
    parameter.copy_(at::randn(parameter.sizes()) * 0.3);
  }
}

GphytConfig small(GphytEndConfig const& end = {}) {
  return {.hidden_dim = 6,
          .num_heads = 2,
          .patch = {1, 4, 8},
          .time_patch = 2,
          .tokenizer = end,
          .detokenizer = end};
}

TEST(StridesOf, FollowTheRuleOfUpstream) {
  EXPECT_EQ(strides_of(1, 3, "tokenizer"), (Sizes{1, 1, 1}));
  EXPECT_EQ(strides_of(2, 1, "tokenizer"), (Sizes{2}));
  EXPECT_EQ(strides_of(2, 2, "tokenizer"), (Sizes{2, 1}));
  EXPECT_EQ(strides_of(2, 3, "tokenizer"), (Sizes{2, 1, 1}));
  EXPECT_EQ(strides_of(4, 1, "tokenizer"), (Sizes{4}));
  EXPECT_EQ(strides_of(4, 2, "tokenizer"), (Sizes{2, 2}));
  EXPECT_EQ(strides_of(4, 3, "tokenizer"), (Sizes{2, 2, 1}));
  EXPECT_EQ(strides_of(8, 2, "tokenizer"), (Sizes{4, 2}));
  EXPECT_EQ(strides_of(8, 3, "tokenizer"), (Sizes{2, 2, 2}));
  EXPECT_EQ(strides_of(16, 2, "tokenizer"), (Sizes{4, 4}));
  EXPECT_EQ(strides_of(16, 3, "tokenizer"), (Sizes{4, 2, 2}));
  EXPECT_EQ(strides_of(16, 4, "tokenizer"), (Sizes{2, 2, 2, 2}));
  EXPECT_EQ(strides_of(32, 3, "tokenizer"), (Sizes{4, 4, 2}));
  EXPECT_EQ(strides_of(32, 4, "tokenizer"), (Sizes{4, 2, 2, 2}));
}

TEST(StridesOf, RefuseAPatchThatTheyDoNotReach) {
  for (auto const& [patch, layers] :
       std::vector<std::pair<int64_t, int64_t>>{{8, 1}, {16, 1}, {32, 1}, {32, 2}, {12, 3}}) {
    EXPECT_THAT(message_of([&] { strides_of(patch, layers, "detokenizer"); }),
                HasSubstr(concat("where the patch is ", patch)))
        << layers;
  }
  EXPECT_THAT(message_of([] { strides_of(8, 1, "detokenizer"); }),
              HasSubstr("the 1 convolutions of model.detokenizer have strides 4 where the patch is "
                        "8; they make powers of 2"));
}

TEST(PatchCounts, NameTheAxisThatDoesNotFit) {
  EXPECT_EQ(patch_counts({4, 32, 24}, {2, 8, 8}), (GphytCounts{2, 4, 3}));
  EXPECT_THAT(message_of([] {
                patch_counts({4, 33, 24}, {2, 8, 8});
              }),
              HasSubstr("axis H has 33 points, not a multiple of patch 8"));
  EXPECT_THAT(message_of([] {
                patch_counts({4, 32, 4}, {2, 8, 8});
              }),
              HasSubstr("axis W has 4 points"));
  EXPECT_THAT(message_of([] {
                patch_counts({3, 32, 24}, {2, 8, 8});
              }),
              HasSubstr("axis T has 3 frames, not a multiple of patch 2; set model.time_patch"));
}

TEST(GphytTokenizer, OfOneMapIsAConvolutionWithThePatchAsStride) {
  at::NoGradGuard const no_grad;
  for (int64_t const overlap : {0, 2, 4}) {
    GphytTokenizer const tokenizer(small({.overlap = overlap}), 3);
    randomise(tokenizer);
    EXPECT_EQ(tokenizer.is_local(), overlap == 0);
    auto const parameters = tokenizer.named_parameters();
    auto const weight = parameters["tokenizer.to_patch_embedding.1.weight"];
    EXPECT_EQ(weight.sizes().vec(), (Sizes{6, 3, 2 + overlap, 4 + overlap, 8 + overlap}));
    auto const x = at::randn({2, 4, 3, 8, 16});
    auto const expected = at::conv3d(x.transpose(1, 2),
                                     weight,
                                     parameters["tokenizer.to_patch_embedding.1.bias"],
                                     {2, 4, 8},
                                     {overlap / 2, overlap / 2, overlap / 2});
    auto const tokens = tokenizer.forward(x, Precision::fp32);
    EXPECT_EQ(tokens.sizes().vec(), (Sizes{2, 2, 2, 2, 6}));
    EXPECT_TRUE(at::allclose(tokens, expected.permute({0, 2, 3, 4, 1}), 1e-4, 1e-5)) << overlap;
  }
}

TEST(GphytDetokenizer, OfOneMapIsATransposedConvolutionWithThePatchAsStride) {
  at::NoGradGuard const no_grad;
  for (int64_t const overlap : {0, 2}) {
    GphytDetokenizer const detokenizer(small({.overlap = overlap}), 3);
    randomise(detokenizer);
    auto const parameters = detokenizer.named_parameters();
    auto const weight = parameters["detokenizer.from_patch_embedding.1.weight"];
    EXPECT_EQ(weight.sizes().vec(), (Sizes{6, 3, 2 + overlap, 4 + overlap, 8 + overlap}));
    auto const tokens = at::randn({2, 2, 2, 3, 6});
    auto const expected =
        at::conv_transpose3d(tokens.permute({0, 4, 1, 2, 3}),
                             weight,
                             parameters["detokenizer.from_patch_embedding.1.bias"],
                             {2, 4, 8},
                             {overlap / 2, overlap / 2, overlap / 2})
            .transpose(1, 2);
    auto const all = detokenizer.forward(tokens, GphytFrames::all, Precision::fp32);
    EXPECT_EQ(all.sizes().vec(), (Sizes{2, 4, 3, 8, 24}));
    EXPECT_TRUE(at::allclose(all, expected, 1e-4, 1e-5)) << overlap;
    auto const last = detokenizer.forward(tokens, GphytFrames::last, Precision::fp32);
    EXPECT_TRUE(at::allclose(last, expected.narrow(1, 3, 1), 1e-4, 1e-5)) << overlap;
  }
}

TEST(GphytTokenizer, OfConvolutionsHasNormsBetweenAndReachesThePatch) {
  at::NoGradGuard const no_grad;
  GphytTokenizer const tokenizer(small({.mode = GphytTokens::conv_net, .channels = Sizes{4}}), 3);
  EXPECT_FALSE(tokenizer.is_local());
  auto const parameters = tokenizer.named_parameters();
  EXPECT_EQ(parameters.keys(),
            (std::vector<std::string>{"tokenizer.encoder.1.0.weight",
                                      "tokenizer.encoder.1.0.bias",
                                      "tokenizer.encoder.1.1.weight",
                                      "tokenizer.encoder.1.1.bias",
                                      "tokenizer.encoder.2.0.weight",
                                      "tokenizer.encoder.2.0.bias"}));
  // Patch 2, 4, 8: strides 2, 2, 4 and 1, 2, 2.
  EXPECT_EQ(parameters["tokenizer.encoder.1.0.weight"].sizes().vec(), (Sizes{4, 3, 4, 4, 4}));
  EXPECT_EQ(parameters["tokenizer.encoder.2.0.weight"].sizes().vec(), (Sizes{6, 4, 1, 4, 4}));
  EXPECT_TRUE(at::equal(parameters["tokenizer.encoder.1.1.weight"], at::ones({4})));
  randomise(tokenizer);
  EXPECT_EQ(tokenizer.forward(at::randn({2, 4, 3, 8, 16}), Precision::fp32).sizes().vec(),
            (Sizes{2, 2, 2, 2, 6}));
}

TEST(GphytTokenizer, NormsUseEachSamplesOwnMoments) {
  at::NoGradGuard const no_grad;
  GphytTokenizer const tokenizer(small({.mode = GphytTokens::conv_net, .channels = Sizes{4}}), 3);
  randomise(tokenizer);
  auto const x = at::randn({2, 4, 3, 8, 16});
  auto const together = tokenizer.forward(x, Precision::fp32);
  auto const alone = tokenizer.forward(x.narrow(0, 1, 1), Precision::fp32);
  EXPECT_TRUE(at::allclose(together.narrow(0, 1, 1), alone, 1e-5, 1e-5));
  // A factor on the cells is normalised away but for bias and epsilon of the first convolution.
  auto const& bias = tokenizer.named_parameters()["tokenizer.encoder.1.0.bias"];
  bias.zero_();
  EXPECT_TRUE(at::allclose(tokenizer.forward(100 * x, Precision::fp32),
                           tokenizer.forward(x, Precision::fp32),
                           1e-3,
                           1e-3));
}

TEST(GphytDetokenizer, OfConvolutionsWidensInTheReverseOfTheTokenizersStrides) {
  at::NoGradGuard const no_grad;
  GphytDetokenizer const detokenizer(small({.mode = GphytTokens::conv_net, .channels = Sizes{4}}),
                                     3);
  randomise(detokenizer);
  auto const parameters = detokenizer.named_parameters();
  EXPECT_EQ(parameters["detokenizer.decoder.1.0.weight"].sizes().vec(), (Sizes{6, 4, 1, 2, 2}));
  EXPECT_EQ(parameters["detokenizer.decoder.2.0.weight"].sizes().vec(), (Sizes{4, 3, 2, 2, 4}));
  auto const tokens = at::randn({1, 2, 2, 3, 6});
  auto const all = detokenizer.forward(tokens, GphytFrames::all, Precision::fp32);
  EXPECT_EQ(all.sizes().vec(), (Sizes{1, 4, 3, 8, 24}));
  EXPECT_TRUE(at::equal(detokenizer.forward(tokens, GphytFrames::last, Precision::fp32),
                        all.narrow(1, 3, 1)));
}

TEST(GphytTokens, InBfloat16GiveFloat32CloseToIt) {
  at::NoGradGuard const no_grad;
  for (auto const& end : {GphytEndConfig{},
                          GphytEndConfig{.overlap = 2},
                          GphytEndConfig{.mode = GphytTokens::conv_net, .channels = Sizes{4}}}) {
    GphytTokenizer const tokenizer(small(end), 3);
    randomise(tokenizer);
    auto const x = at::randn({1, 4, 3, 8, 16});
    auto const exact = tokenizer.forward(x, Precision::fp32);
    auto const rough = tokenizer.forward(x, Precision::bf16);
    EXPECT_EQ(rough.scalar_type(), at::kFloat);
    EXPECT_FALSE(at::equal(rough, exact));
    // 8 bits of mantissa, sums of up to 3·4·6·10 terms of size 0.3
    EXPECT_LE((rough - exact).abs().max().item<double>(), 0.05 * exact.abs().max().item<double>());
  }
}

// LibTorch's own convolution is wrong there.
TEST(GphytTokenizer, OfGridsOnePatchWideIsCloseToFloat32InBfloat16) {
  at::NoGradGuard const no_grad;
  GphytTokenizer const tokenizer(small({.overlap = 6}), 8);
  randomise(tokenizer);
  for (int i = 0; i < 4; ++i) {
    auto const x = at::randn({2, 4, 8, 32, 8});
    auto const exact = tokenizer.forward(x, Precision::fp32);
    auto const rough = tokenizer.forward(x, Precision::bf16);
    EXPECT_LE((rough - exact).abs().max().item<double>(), 0.05 * exact.abs().max().item<double>());
  }
}

}  // namespace
}  // namespace eddyline
