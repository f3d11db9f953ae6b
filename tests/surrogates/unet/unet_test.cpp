#include "surrogates/unet/unet.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

Grid grid(std::vector<int64_t> const& cells, Boundary boundary = Boundary::open) {
  std::vector<Axis> axes;
  for (auto const size : cells) {
    Axis axis{.name = std::string(1, static_cast<char>('x' + axes.size())),
              .coordinates = std::vector<double>(static_cast<size_t>(size)),
              .boundaries = {boundary, boundary}};
    std::iota(axis.coordinates.begin(), axis.coordinates.end(), 0.0);
    axes.push_back(axis);
  }
  return Grid(axes);
}

SurrogateSpec spec(int64_t channels, Grid const& grid) {
  std::vector<Field> fields;
  for (int64_t i = 0; i < channels; ++i) {
    fields.push_back({.name = concat("f", i)});
  }
  return {.input_fields = FieldSet(fields), .output_fields = FieldSet(fields), .grid = grid};
}

/// All of upstream's numbers: parameters, and buffers that are parameters there.
int64_t count(Unet const& unet) {
  int64_t total = 0;
  for (auto const& value : unet.parameters()) {
    total += value.numel();
  }
  for (auto const& value : unet.buffers()) {
    total += value.numel();
  }
  return total;
}

UnetConfig tiny() {
  return {.patch = {4, 4, 4}, .features = 4, .blocks_per_stage = 1, .history = 1};
}

/// Weights large enough that the blocks are seen behind their gamma of 1e-6.
void wake(Unet const& unet) {
  at::NoGradGuard const no_grad;
  uint64_t seed = 50;
  for (auto const& value : unet.parameters()) {
    value.copy_(numbers(value.sizes().vec(), seed++) * 0.5);
  }
}

// As counted on UNetConvNext of the_well at 215f55d with 4 frames of 4 channels in, 4 channels out,
// init_features 42, blocks_per_stage 2: the published configuration (README of its model card).
TEST(Unet, HasUpstreamsNumberOfParameters) {
  EXPECT_EQ(count(Unet({}, spec(4, grid({64, 64})), 1)), 18'575'344);
  EXPECT_EQ(count(Unet({}, spec(4, grid({16, 16, 16})), 1)), 22'298'392);
  // active_matter has 11 channels.
  EXPECT_EQ(count(Unet({}, spec(11, grid({256, 256})), 1)), 18'588'581);
}

TEST(Unet, TakesOneTwoAndThreeDimensions) {
  for (auto const& cells : {std::vector<int64_t>{12}, {8, 12}, {4, 8, 12}}) {
    auto const data = spec(2, grid(cells));
    Unet const unet(tiny(), data, 1);
    auto const shape = data.grid.shape();
    std::vector<int64_t> const image = {3, 2, shape[0], shape[1], shape[2]};
    EXPECT_EQ(unet.forward(at::zeros(image), {}).sizes().vec(), image);
  }
}

TEST(Unet, FoldsFramesAndConstantsIntoChannels) {
  auto data = spec(2, grid({8, 8}));
  data.constant_fields = FieldSet({{.name = "depth"}});
  auto config = tiny();
  config.history = 3;
  Unet unet(config, data, 1);
  wake(unet);
  Batch const batch{.input = numbers({2, 3, 2, 1, 8, 8}, 1),
                    .constants = numbers({2, 1, 1, 8, 8}, 2)};
  auto const image = at::cat({batch.input.flatten(1, 2), batch.constants}, 1);
  auto const predicted = unet.predict(batch, {});
  EXPECT_EQ(predicted.sizes().vec(), (std::vector<int64_t>{2, 1, 2, 1, 8, 8}));
  EXPECT_TRUE(at::equal(predicted.squeeze(1), unet.forward(image, {})));
}

TEST(Unet, LeavesAnAxisOfASmallPatchAloneOnLowerLevels) {
  auto config = tiny();
  config.patch = {1, 2, 4};
  Unet const unet(config, spec(1, grid({3, 6, 8})), 1);
  UnetTrace trace;
  unet.forward(at::zeros({1, 1, 3, 6, 8}), {}, &trace);
  std::map<std::string, at::Tensor> const seen(trace.begin(), trace.end());
  EXPECT_EQ(seen.at("encoder.0").sizes().vec(), (std::vector<int64_t>{1, 8, 3, 3, 4}));
  EXPECT_EQ(seen.at("neck").sizes().vec(), (std::vector<int64_t>{1, 16, 3, 3, 2}));
  EXPECT_EQ(seen.at("decoder.0").sizes().vec(), (std::vector<int64_t>{1, 8, 3, 3, 4}));
  EXPECT_EQ(seen.at("decoder.1").sizes().vec(), (std::vector<int64_t>{1, 4, 3, 6, 8}));
}

TEST(Unet, IsShiftedWithItsInputOnPeriodicGridsByWholePatches) {
  at::NoGradGuard const no_grad;
  auto config = tiny();
  auto const data = spec(2, grid({8, 16}, Boundary::periodic));
  auto const image = numbers({1, 2, 1, 8, 16}, 1);
  auto const change = [&](std::vector<int64_t> const& shift) {
    Unet const unet(config, data, 1);
    wake(unet);
    auto const shifted = unet.forward(image.roll(shift, {3, 4}), {});
    auto const y = unet.forward(image, {});
    return ((shifted - y.roll(shift, {3, 4})).abs().max() / y.abs().max()).item<double>();
  };
  EXPECT_GT(change({4, 8}), 1e-3) << "zeros beyond the borders";
  config.padding = UnetPadding::grid;
  EXPECT_LE(change({4, 8}), 1e-5);
  EXPECT_GT(change({1, 0}), 1e-3) << "the levels are cut at multiples of the patch";
}

TEST(Unet, WrapsOnlyAxesThatTheGridCallsPeriodic) {
  at::NoGradGuard const no_grad;
  auto config = tiny();
  auto const open = spec(2, grid({8, 16}));
  Unet const zeros(config, open, 1);
  config.padding = UnetPadding::grid;
  Unet const by_grid(config, open, 1);
  auto const image = numbers({1, 2, 1, 8, 16}, 1);
  EXPECT_TRUE(at::equal(zeros.forward(image, {}), by_grid.forward(image, {})));
}

TEST(Unet, StartsFromTheDistributionsOfPyTorch) {
  Unet const unet({}, spec(4, grid({64, 64})), 1);
  auto const p = unet.named_parameters();
  auto const largest = [&](std::string const& name) { return p[name].abs().max().item<double>(); };
  EXPECT_NEAR(largest("in_proj.weight"), 1 / std::sqrt(16.0 * 9), 1e-3);
  EXPECT_NEAR(largest("encoder.1.blocks.0.dwconv.weight"), 1 / 7.0, 1e-3);
  EXPECT_NEAR(largest("neck.blocks.0.pwconv1.bias"), 1 / std::sqrt(672.0), 1e-3);
  EXPECT_NEAR(largest("encoder.0.resample.block.1.weight"), 1 / std::sqrt(42.0 * 4), 1e-3);
  // PyTorch counts the outputs of a transposed convolution as its inputs.
  EXPECT_NEAR(largest("decoder.0.resample.block.1.weight"), 1 / std::sqrt(336.0 * 4), 1e-3);
  EXPECT_TRUE(at::equal(p["encoder.0.resample.block.0.weight"], at::ones({42, 1, 1})));
  EXPECT_TRUE(at::equal(p["neck.blocks.0.norm.weight"], at::ones({672})));
  EXPECT_TRUE(at::equal(p["neck.blocks.0.gamma"], at::full({672}, 1e-6)));
}

std::string message_of(std::vector<int64_t> const& image) {
  try {
    Unet const unet(tiny(), spec(2, grid({8, 8})), 1);
    unet.forward(at::zeros(image), {});
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(Unet, RefusesWhatDoesNotFit) {
  EXPECT_THAT(message_of({1, 2, 1, 8, 10}),
              HasSubstr("axis W has 10 points, not a multiple of patch 4; set model.patch there to "
                        "one of 1, 2 or use data.fit crop or pad"));
  EXPECT_THAT(message_of({1, 3, 1, 8, 8}),
              HasSubstr("the image has 3 channels, the model was made for 2"));
  EXPECT_THAT(message_of({1, 2, 4, 8, 8}),
              HasSubstr("axis D has 4 points, the model was made for data with 1 there"));
  EXPECT_EQ(message_of({1, 2, 1, 12, 4}), "no error") << "another number of patches is no matter";
}

}  // namespace
}  // namespace eddyline
