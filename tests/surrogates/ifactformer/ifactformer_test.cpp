#include "surrogates/ifactformer/ifactformer.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

Axis axis(std::string const& name, int64_t size, double step = 1) {
  Axis made{.name = name, .coordinates = std::vector<double>(static_cast<size_t>(size))};
  for (size_t i = 0; i < made.coordinates.size(); ++i) {
    made.coordinates[i] = step * static_cast<double>(i);
  }
  return made;
}

SurrogateSpec velocity_spec(std::vector<Axis> const& axes = {
                                axis("x", 4), axis("y", 5), axis("z", 6)}) {
  FieldSet const fields({{.name = "velocity", .components = {"x", "y", "z"}, .order = 1}});
  return {.input_fields = fields, .output_fields = fields, .grid = Grid(axes)};
}

IFactFormerConfig tiny() {
  return {.dim = 12, .heads = 2, .dim_head = 4, .n_layer = 2};
}

int64_t count(std::vector<at::Tensor> const& tensors) {
  return std::accumulate(
      tensors.begin(), tensors.end(), int64_t{0}, [](int64_t sum, at::Tensor const& t) {
        return sum + t.numel();
      });
}

Batch batch_of(std::vector<int64_t> const& shape) {
  at::manual_seed(2);
  return {.input = at::randn(shape)};
}

std::string message_of(Batch const& batch) {
  try {
    IFactFormer(tiny(), velocity_spec(), 1).predict(batch, {});
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

// The reference counts `_B`, which does not learn, among its parameters.
TEST(IFactFormer, HasThePublishedNumberOfParameters) {
  IFactFormer const network({}, velocity_spec(), 1);
  auto const fixed = network.named_buffers()["encoder.layers.0.0.0._B"].numel();
  EXPECT_EQ(fixed, 144);
  EXPECT_EQ(count(network.parameters()) + fixed, 1'163'331);
}

TEST(IFactFormer, StartsFromTheReferencesDistributions) {
  IFactFormer const network({}, velocity_spec(), 1);
  auto const parameters = network.named_parameters();
  auto const largest = [&](std::string const& name) {
    return parameters[name].abs().max().item<double>();
  };
  std::string const block = "encoder.layers.0.1.";
  EXPECT_NEAR(largest(block + "low_rank_kernel_y.to_q.weight"), 0.02 * std::sqrt(6.0 / 1536), 1e-7);
  EXPECT_NEAR(largest(block + "low_rank_kernel_z.to_k.weight"), 0.02 * std::sqrt(6.0 / 1536), 1e-7);
  EXPECT_NEAR(largest(block + "to_v.weight"), 1 / std::sqrt(96.0), 1e-4);
  EXPECT_NEAR(largest(block + "to_out.2.weight"), 1 / std::sqrt(1440.0), 1e-4);
  EXPECT_NEAR(largest(block + "to_x.0.out_ffn.fn.net.0.bias"), 1 / std::sqrt(96.0), 2e-3);
  EXPECT_GT(largest("to_in.0.weight"), 0.9);  // one input: uniform up to 1
  EXPECT_LE(largest("to_in.0.bias"), 1);
  EXPECT_NEAR(largest("to_in.2.weight"), 1 / std::sqrt(48.0), 1e-3);
  EXPECT_TRUE(at::equal(parameters[block + "in_norm.weight"], at::ones({96})));
  EXPECT_TRUE(at::equal(parameters[block + "to_z.1.out_ffn.norm.bias"], at::zeros({96})));
  auto const directions = network.named_buffers()["encoder.layers.0.0.0._B"];
  EXPECT_NEAR(directions.std().item<double>(), 8, 1);
}

TEST(IFactFormer, LiftsEveryChannelAlone) {
  IFactFormer const network(tiny(), velocity_spec(), 1);
  at::NoGradGuard const no_grad;
  auto const window = batch_of({1, 1, 3, 4, 5, 6}).input;
  AxisCoordinates const places = {
      at::arange(4, at::kFloat), at::arange(5, at::kFloat), at::arange(6, at::kFloat)};
  IFactFormerTrace trace;
  network.forward(window, places, {}, &trace);
  auto const parameters = network.named_parameters();
  auto const cell = (1 * 5 + 2) * 6 + 3;
  auto const values = window[0][0].index({at::indexing::Slice(), 1, 2, 3});  // u, v, w
  auto const each = values.repeat_interleave(2) * parameters["to_in.0.weight"].flatten() +
                    parameters["to_in.0.bias"];
  auto const expected = at::mv(parameters["to_in.2.weight"].flatten(1), at::gelu(each));
  EXPECT_TRUE(at::allclose(trace.lifted[0][cell], expected, 1e-5, 1e-6));
}

TEST(IFactFormer, SharesABlocksWeightsAmongItsIterations) {
  auto config = tiny();
  auto const few = count(IFactFormer(config, velocity_spec(), 1).parameters());
  config.n_layer = 7;
  EXPECT_EQ(count(IFactFormer(config, velocity_spec(), 1).parameters()), few);
  config.depth = 2;
  EXPECT_GT(count(IFactFormer(config, velocity_spec(), 1).parameters()), few);
}

TEST(IFactFormer, NamesWhatDoesNotFit) {
  EXPECT_THAT(message_of(batch_of({1, 2, 3, 4, 5, 6})),
              HasSubstr("the batch has 2 input frames of 3 channels; the network takes 1 "
                        "(model.history) of 3"));
  EXPECT_THAT(message_of(batch_of({1, 1, 4, 4, 5, 6})), HasSubstr("1 input frames of 4 channels"));
  EXPECT_THAT(message_of(batch_of({1, 1, 3, 4, 5, 7})),
              HasSubstr("the batch has 4 x 5 x 7 cells, but its grid 4 x 5 x 6"));
  auto config = tiny();
  config.dim = 16;
  try {
    IFactFormer(config, velocity_spec(), 1);
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("model.dim is 16, but half of it is no multiple of the 3 input channels; "
                          "set model.dim to a multiple of 6"));
  }
}

TEST(IFactFormer, TakesTheGridOfTheBatch) {
  at::NoGradGuard const no_grad;
  IFactFormer network(tiny(), velocity_spec(), 1);
  auto batch = batch_of({1, 1, 3, 4, 5, 6});
  auto const own = network.predict(batch, {});
  auto const with_grid = [&](SurrogateSpec const& spec) {
    batch.spec = std::make_shared<BatchSpec>(BatchSpec{.input_grid = spec.grid});
    return network.predict(batch, {});
  };
  EXPECT_TRUE(at::equal(with_grid(velocity_spec()), own));
  auto const finer = velocity_spec({axis("x", 4, 0.1), axis("y", 5, 0.1), axis("z", 6, 0.1)});
  EXPECT_FALSE(at::allclose(with_grid(finer), own));
  EXPECT_TRUE(at::equal(with_grid(velocity_spec()), own));
  batch.input = at::randn({1, 1, 3, 2, 3, 8});
  auto const other = with_grid(velocity_spec({axis("x", 2), axis("y", 3), axis("z", 8)}));
  EXPECT_EQ(other.sizes().vec(), (std::vector<int64_t>{1, 1, 3, 2, 3, 8}));
}

TEST(IFactFormer, LearnsAfterAForecastOnAnotherGrid) {
  IFactFormer network(tiny(), velocity_spec(), 1);
  auto batch = batch_of({1, 1, 3, 4, 5, 6});
  auto const finer = velocity_spec({axis("x", 4, 0.1), axis("y", 5, 0.1), axis("z", 6, 0.1)});
  batch.spec = std::make_shared<BatchSpec>(BatchSpec{.input_grid = finer.grid});
  {
    c10::InferenceMode const inference;
    network.predict(batch, {});
  }
  network.predict(batch, {}).sum().backward();
  EXPECT_TRUE(network.named_parameters()["to_in.0.weight"].grad().defined());
}

TEST(IFactFormer, TakesOneTwoAndThreeDimensions) {
  at::NoGradGuard const no_grad;
  for (auto const& axes : {std::vector<Axis>{axis("x", 9)},
                           {axis("x", 4), axis("y", 5)},
                           {axis("x", 4), axis("y", 5), axis("z", 6)}}) {
    auto const spec = velocity_spec(axes);
    IFactFormer network(tiny(), spec, 1);
    auto const shape = spec.grid.shape();
    auto const batch = batch_of({2, 1, 3, shape[0], shape[1], shape[2]});
    auto const next = network.predict(batch, {});
    EXPECT_EQ(next.sizes(), batch.input.sizes());
    EXPECT_TRUE(at::isfinite(next).all().item<bool>());
  }
}

}  // namespace
}  // namespace eddyline
