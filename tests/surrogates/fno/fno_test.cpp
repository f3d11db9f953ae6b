#include "surrogates/fno/fno.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;
using Form = Fno::Form;

SurrogateSpec spec(std::vector<int64_t> const& cells, int64_t channels = 1) {
  std::vector<Axis> axes;
  for (auto const size : cells) {
    Axis axis{.name = std::string(1, static_cast<char>('x' + axes.size())),
              .coordinates = std::vector<double>(static_cast<size_t>(size))};
    std::iota(axis.coordinates.begin(), axis.coordinates.end(), 0.0);
    axes.push_back(axis);
  }
  std::vector<Field> fields;
  for (int64_t i = 0; i < channels; ++i) {
    fields.push_back({.name = concat("f", i)});
  }
  return {.input_fields = FieldSet(fields), .output_fields = FieldSet(fields), .grid = Grid(axes)};
}

FnoConfig small() {
  return {.modes = {2, 2, 3},
          .width = 5,
          .layers = 3,
          .projection = 7,
          .history = 1,
          .coordinates = FnoCoordinates::none};
}

/// In float64, with spectral weights as large as the others.
std::shared_ptr<Fno> make(FnoConfig const& config, Form form, SurrogateSpec const& spec) {
  auto fno = std::make_shared<Fno>(config, form, spec, 1);
  fno->to(at::kDouble);
  at::NoGradGuard const no_grad;
  uint64_t seed = 10;
  for (auto const& item : fno->named_parameters()) {
    if (item.key().ends_with("spectral.weight")) {
      item.value().copy_(doubles(item.value().sizes().vec(), seed++) * 0.5);
    }
  }
  return fno;
}

double change(at::Tensor const& a, at::Tensor const& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

int64_t count(FnoConfig const& config, SurrogateSpec const& spec) {
  int64_t total = 0;
  for (auto const& parameter : Fno(config, Form::stacked, spec, 1).parameters()) {
    total += parameter.numel();
  }
  return total;
}

// Table 1 of Li et al. 2021 counts 414,517 parameters for FNO-2D and 6,558,537 for FNO-3D on
// Navier-Stokes. Width 20, 8 modes, 10 input frames and the coordinates as inputs give these
// numbers, less the scales and shifts of four batch normalisations (4 · 2 · 20) that the authors
// had then and dropped since.
TEST(Fno, HasThePublishedNumberOfParameters) {
  constexpr int64_t kBatchNorms = 160;
  FnoConfig const published{.modes = {8, 8, 8}, .width = 20};
  // Their FNO-2D keeps 8 frequencies of each sign on x and 0 … 7 on y, their FNO-3D likewise.
  EXPECT_EQ(count(published, spec({64, 64})), 414'517 - kBatchNorms);
  EXPECT_EQ(count(published, spec({64, 64, 40})), 6'558'537 - kBatchNorms);
}

TEST(Fno, TheImplicitFormHasOneLayerWhateverTheirNumber) {
  auto config = small();
  auto const numbers_of = [&] {
    int64_t total = 0;
    for (auto const& parameter : Fno(config, Form::implicit, spec({8, 8, 8}), 1).parameters()) {
      total += parameter.numel();
    }
    return total;
  };
  auto const few = numbers_of();
  config.layers = 40;
  EXPECT_EQ(numbers_of(), few);
}

/// The network by the formula alone: maps over the last axis, transforms by FFT.
at::Tensor by_formula(Fno const& fno, FnoConfig const& config, Form form, at::Tensor const& image) {
  auto const p = fno.named_parameters();
  auto const map = [&](std::string const& name, at::Tensor const& x) {
    return at::matmul(x.movedim(1, -1), p[name + ".weight"].t())
        .add(p[name + ".bias"])
        .movedim(-1, 1);
  };
  auto const n = image.sizes().slice(3).vec();  // H, W
  auto const m = config.modes;
  auto const spectral = [&](std::string const& layer, at::Tensor const& v) {
    auto const c = at::fft_rfft2(v);
    auto const R = at::view_as_complex(p[layer + ".spectral.weight"]);  // (2 m, m, in, out)
    auto y = at::zeros_like(c);
    auto const mix = [&](int64_t from, int64_t place) {
      auto const part = c.narrow(2, from, m[1]).narrow(3, 0, m[2]);
      y.narrow(2, from, m[1])
          .narrow(3, 0, m[2])
          .copy_(at::einsum("bihw,hwio->bohw", {part, R.narrow(0, place, m[1])}));
    };
    mix(0, 0);
    mix(n[0] - m[1], m[1]);
    return at::fft_irfft2(y, n);
  };
  auto v = map("lifting", image.squeeze(2));
  for (int64_t l = 0; l < config.layers; ++l) {
    auto const layer = concat("layers.", form == Form::implicit ? 0 : l);
    auto const sum = spectral(layer, v) + map(layer + ".pointwise", v);
    if (form == Form::implicit) {
      v = v + at::gelu(sum) / config.layers;
    } else {
      v = l + 1 < config.layers ? at::gelu(sum) : sum;
    }
  }
  return map("projection.1", at::gelu(map("projection.0", v))).unsqueeze(2);
}

TEST(Fno, IsTheFormulaOfThePapersInBothForms) {
  at::NoGradGuard const no_grad;
  for (auto const form : {Form::stacked, Form::implicit}) {
    auto const fno = make(small(), form, spec({6, 9}, 2));
    auto const image = doubles({2, 2, 1, 6, 9}, 3);
    EXPECT_LE(change(fno->forward(image, {}), by_formula(*fno, small(), form, image)), 1e-12);
  }
}

/// Smooth and periodic on the unit square, frequencies up to 2: (1, 2, 1, n, n).
at::Tensor smooth(int64_t n) {
  auto const x = at::arange(n, at::kDouble) * (2 * std::numbers::pi / static_cast<double>(n));
  auto const row = x.view({n, 1});
  return at::stack({at::sin(row + 2 * x) + 0.5 * at::cos(2 * row), at::cos(row - x) * at::sin(x)})
      .view({1, 2, 1, n, n});
}

double resolution_error(FnoConfig const& config, int64_t n) {
  auto const fno = make(config, Form::stacked, spec({n, n}, 2));
  auto const coarse = fno->forward(smooth(n), {});
  auto const fine = fno->forward(smooth(2 * n), {});
  return change(fine.slice(3, 0, std::nullopt, 2).slice(4, 0, std::nullopt, 2), coarse);
}

TEST(Fno, GivesTheSameFunctionOnEveryGrid) {
  at::NoGradGuard const no_grad;
  auto config = small();
  config.layers = 1;  // no GELU before a transform: nothing is cut off
  EXPECT_LE(resolution_error(config, 8), 1e-12);
  config.layers = 3;  // GELU makes frequencies that a grid folds back: fewer on a finer one
  auto const rough = resolution_error(config, 8), better = resolution_error(config, 32);
  EXPECT_LE(better, 1e-6);
  EXPECT_LT(better, 0.01 * rough);
}

TEST(Fno, MovesWithItsInputWhereItKnowsNoPlace) {
  at::NoGradGuard const no_grad;
  auto config = small();
  auto const image = doubles({1, 2, 1, 7, 8}, 3);
  auto const moved = [&](FnoConfig const& with) {
    auto const fno = make(with, Form::stacked, spec({7, 8}, 2));
    return change(fno->forward(image.roll({3, 5}, {3, 4}), {}),
                  fno->forward(image, {}).roll({3, 5}, {3, 4}));
  };
  EXPECT_LE(moved(config), 1e-12);
  config.coordinates = FnoCoordinates::fractions;
  EXPECT_GT(moved(config), 1e-3);
}

TEST(Fno, IsToldThePartOfEachAxisBeforeACell) {
  at::NoGradGuard const no_grad;
  auto config = small();
  config.coordinates = FnoCoordinates::fractions;
  auto const told = make(config, Form::stacked, spec({4, 8}));
  config.coordinates = FnoCoordinates::none;
  auto const given = make(config, Form::stacked, spec({4, 8}, 3));
  for (auto const& item : given->named_parameters()) {
    if (!item.key().starts_with("projection.1")) {
      item.value().copy_(told->named_parameters()[item.key()]);
    } else {
      item.value().copy_(told->named_parameters()[item.key()].expand_as(item.value()));
    }
  }
  auto const image = doubles({2, 1, 1, 4, 8}, 3);
  auto const h = at::tensor({0.0, 0.25, 0.5, 0.75}).view({1, 1, 1, 4, 1}).expand_as(image);
  auto const w = (at::arange(8, at::kDouble) / 8).view({1, 1, 1, 1, 8}).expand_as(image);
  auto const expected = given->forward(at::cat({image, h, w}, 1), {});
  EXPECT_LE(change(told->forward(image, {}), expected.narrow(1, 0, 1)), 1e-14);
}

TEST(Fno, FoldsFramesIntoChannels) {
  auto config = small();
  config.history = 3;
  Fno fno(config, Form::stacked, spec({8, 8}, 2), 1);
  Batch const batch{.input = doubles({2, 3, 2, 1, 8, 8}, 1).to(at::kFloat)};
  auto const predicted = fno.predict(batch, {});
  EXPECT_EQ(predicted.sizes().vec(), (std::vector<int64_t>{2, 1, 2, 1, 8, 8}));
  EXPECT_TRUE(at::equal(predicted.squeeze(1), fno.forward(batch.input.flatten(1, 2), {})));
}

TEST(Fno, TakesAxesThatHaveOneCellAnywhere) {
  at::NoGradGuard const no_grad;
  auto const flat = make(small(), Form::stacked, spec({8, 9}));
  auto config = small();
  config.modes = {2, 3, 2};
  auto const standing = make(config, Form::stacked, spec({8, 9, 1}));
  auto const image = doubles({1, 1, 1, 8, 9}, 3);
  EXPECT_TRUE(at::equal(standing->forward(image.view({1, 1, 8, 9, 1}), {}).flatten(),
                        flat->forward(image, {}).flatten()));
}

TEST(Fno, StartsFromTheDistributionOfTheAuthors) {
  Fno const fno({.modes = {4, 4, 4}, .width = 20}, Form::stacked, spec({16, 16}), 1);
  auto const p = fno.named_parameters();
  auto const weight = p["layers.1.spectral.weight"];  // 25600 numbers
  EXPECT_GE(weight.min().item<double>(), 0);
  EXPECT_NEAR(weight.max().item<double>(), 1 / 400.0, 1e-6);
  EXPECT_NEAR(weight.mean().item<double>(), 0.5 / 400.0, 3e-5);
  EXPECT_NEAR(p["projection.0.weight"].abs().max().item<double>(), 1 / std::sqrt(20.0), 1e-3);
  EXPECT_LE(p["layers.0.pointwise.bias"].abs().max().item<double>(), 1 / std::sqrt(20.0));
}

std::string message_of(FnoConfig const& config, std::vector<int64_t> const& image) {
  try {
    Fno const fno(config, Form::stacked, spec({8, 8}), 1);
    fno.forward(at::zeros(image), {});
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(Fno, RefusesWhatDoesNotFit) {
  EXPECT_THAT(
      message_of({.modes = {1, 5, 5}, .history = 1}, {1, 1, 1, 8, 8}),
      HasSubstr("axis H has 8 points, too few for model.modes 5; set model.modes there to at "
                "most 4"));
  EXPECT_THAT(message_of(small(), {1, 1, 1, 8, 2}),
              HasSubstr("axis W has 2 points, too few for model.modes 3"));
  EXPECT_THAT(message_of(small(), {1, 1, 4, 8, 8}),
              HasSubstr("axis D has 4 points, the model was made for data with 1 there"));
  EXPECT_THAT(message_of(small(), {1, 2, 1, 8, 8}),
              HasSubstr("the image has 2 channels, the model was made for 1"));
  EXPECT_EQ(message_of(small(), {1, 1, 1, 11, 13}), "no error") << "other cells are no matter";
}

}  // namespace
}  // namespace eddyline
