#include "surrogates/fno/spectral.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <complex>
#include <numbers>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

using Complex = std::complex<double>;
using Cells = std::vector<int64_t>;

constexpr int64_t kIn = 2, kOut = 3;
constexpr double kRoundOff = 1e-13;  // float64 sums of up to 240 terms of size one

SpectralConvolution random_convolution(FourierModes const& modes) {
  SpectralConvolution convolution(kIn, kOut, modes);
  convolution.to(at::kDouble);
  at::NoGradGuard const no_grad;
  convolution.weight.copy_(doubles(convolution.weight.sizes().vec(), 7));
  return convolution;
}

/// Every multi-index below `sizes`, the last running fastest.
std::vector<Cells> indices(Cells const& sizes) {
  std::vector<Cells> all = {{}};
  for (auto const size : sizes) {
    std::vector<Cells> longer;
    for (auto const& index : all) {
      for (int64_t i = 0; i < size; ++i) {
        longer.push_back(index);
        longer.back().push_back(i);
      }
    }
    all = longer;
  }
  return all;
}

/// exp(2πi k·x/n) for the signed frequencies k.
Complex wave(Cells const& k, Cells const& x, Cells const& n) {
  double turn = 0;
  for (size_t a = 0; a < n.size(); ++a) {
    turn += static_cast<double>(k[a] * x[a]) / static_cast<double>(n[a]);
  }
  return std::polar(1.0, 2 * std::numbers::pi * turn);
}

/// The signed frequency of the kept mode at `place`.
Cells frequency(Cells const& place, FourierModes const& modes) {
  auto k = place;
  for (size_t a = 0; a + 1 < k.size(); ++a) {
    k[a] = k[a] < modes.kept[a] ? k[a] : k[a] - 2 * modes.kept[a];
  }
  return k;
}

/// (K v)(x) of one sample by the sums of the definition, nothing clever. The real field has at −k
/// the conjugate of its mode at k: each kept mode but those that are their own mirror image on the
/// last axis stands for both, and the real part is taken.
at::Tensor by_sums(SpectralConvolution const& convolution,
                   at::Tensor const& v,
                   FourierModes const& modes) {
  auto const n = v.sizes().slice(1).vec();
  auto const cells = indices(n);
  auto const places = indices(convolution.weight.sizes().slice(0, n.size()).vec());
  auto const weight = convolution.weight.detach().flatten(0, -4).contiguous();  // (K, in, out, 2)
  auto const values = v.flatten(1).contiguous();
  auto const R = weight.accessor<double, 4>();
  auto const f = values.accessor<double, 2>();
  auto out = at::zeros({kOut, static_cast<int64_t>(cells.size())}, at::kDouble);
  auto y = out.accessor<double, 2>();
  for (size_t m = 0; m < places.size(); ++m) {
    auto const k = frequency(places[m], modes);
    std::vector<Complex> c(kIn);
    for (int64_t i = 0; i < kIn; ++i) {
      for (size_t x = 0; x < cells.size(); ++x) {
        c[static_cast<size_t>(i)] += f[i][static_cast<int64_t>(x)] *
                                     std::conj(wave(k, cells[x], n)) /
                                     static_cast<double>(cells.size());
      }
    }
    bool const is_own_mirror = k.back() == 0 || 2 * k.back() == n.back();
    for (int64_t o = 0; o < kOut; ++o) {
      Complex mixed = 0;
      for (int64_t i = 0; i < kIn; ++i) {
        auto const place = static_cast<int64_t>(m);
        mixed += Complex(R[place][i][o][0], R[place][i][o][1]) * c[static_cast<size_t>(i)];
      }
      for (size_t x = 0; x < cells.size(); ++x) {
        y[o][static_cast<int64_t>(x)] +=
            (is_own_mirror ? 1 : 2) * (mixed * wave(k, cells[x], n)).real();
      }
    }
  }
  auto shape = n;
  shape.insert(shape.begin(), kOut);
  return out.view(shape);
}

/// The same by fast Fourier transforms: cut the spectrum, mix, put it back among zeros.
at::Tensor by_fft(SpectralConvolution const& convolution,
                  at::Tensor const& v,
                  FourierModes const& modes) {
  auto const n = v.sizes().slice(2).vec();
  Cells axes;
  auto spectrum_shape = n;
  spectrum_shape.back() = n.back() / 2 + 1;
  std::vector<at::Tensor> places;
  for (size_t a = 0; a < n.size(); ++a) {
    axes.push_back(static_cast<int64_t>(a) + 2);
    auto const m = modes.kept[a];
    auto const low = at::arange(m, at::kLong);
    places.push_back(a + 1 == n.size() ? low
                                       : at::cat({low, at::arange(n[a] - m, n[a], at::kLong)}));
  }
  auto c = at::fft_rfftn(v, std::nullopt, axes);
  for (size_t a = 0; a < n.size(); ++a) {
    c = c.index_select(axes[a], places[a]);
  }
  auto const kept = c.sizes().slice(2).vec();
  auto const R = at::view_as_complex(convolution.weight).flatten(0, -3);
  auto mixed = at::einsum("bik,kio->bok", {c.flatten(2), R});
  spectrum_shape.insert(spectrum_shape.begin(), {v.size(0), kOut});
  auto placed_shape = kept;
  placed_shape.insert(placed_shape.begin(), {v.size(0), kOut});
  mixed = mixed.reshape(placed_shape);
  for (size_t a = 0; a < n.size(); ++a) {
    auto wide = mixed.sizes().vec();
    wide[a + 2] = spectrum_shape[a + 2];
    mixed = at::zeros(wide, mixed.options()).index_copy(axes[a], places[a], mixed);
  }
  return at::fft_irfftn(mixed, n, axes);
}

struct Case {
  Cells cells, kept;
};

/// One to three axes of even and odd lengths, few modes and as many as there are.
std::vector<Case> cases() {
  return {{{7}, {2}},
          {{8}, {5}},
          {{7}, {4}},
          {{1}, {1}},
          {{6, 5}, {2, 2}},
          {{5, 6}, {2, 4}},
          {{4, 8}, {2, 5}},
          {{4, 5, 6}, {1, 2, 2}},
          {{5, 4, 7}, {2, 2, 4}},
          {{4, 6, 4}, {2, 3, 3}}};
}

at::Tensor field(Cells cells, int64_t samples) {
  cells.insert(cells.begin(), {samples, kIn});
  return doubles(cells, 3);
}

TEST(SpectralConvolution, IsTheSumsOfItsDefinition) {
  for (auto const& [cells, kept] : cases()) {
    FourierModes const modes{kept};
    auto const convolution = random_convolution(modes);
    auto const v = field(cells, 2);
    auto const got = convolution.forward(v, {modes, v});
    for (int64_t b = 0; b < 2; ++b) {
      auto const expected = by_sums(convolution, v[b], modes);
      EXPECT_LE((got[b] - expected).abs().max().item<double>(),
                kRoundOff * expected.abs().max().item<double>())
          << at::IntArrayRef(cells) << " cells, " << at::IntArrayRef(kept) << " modes";
    }
  }
}

TEST(SpectralConvolution, IsWhatFastFourierTransformsGive) {
  at::NoGradGuard const no_grad;
  for (auto const& [cells, kept] : cases()) {
    FourierModes const modes{kept};
    auto const convolution = random_convolution(modes);
    auto const v = field(cells, 3);
    auto const expected = by_fft(convolution, v, modes);
    EXPECT_LE((convolution.forward(v, {modes, v}) - expected).abs().max().item<double>(),
              kRoundOff * expected.abs().max().item<double>())
        << at::IntArrayRef(cells) << " cells, " << at::IntArrayRef(kept) << " modes";
  }
}

/// A field without frequencies above 2, on `cells` of the unit cube: the same field on every grid.
at::Tensor band_limited(Cells const& cells) {
  std::vector<at::Tensor> channels;
  for (int64_t c = 0; c < kIn; ++c) {
    auto channel = at::zeros(cells, at::kDouble);
    uint64_t seed = 100 * static_cast<uint64_t>(c + 1);
    for (auto const& place : indices(Cells(cells.size(), 5))) {
      auto const draw = doubles({2}, seed++);
      auto phase = at::full({}, 2 * std::numbers::pi * draw[1].item<double>(), at::kDouble);
      for (size_t a = 0; a < cells.size(); ++a) {
        Cells line(cells.size(), 1);
        line[a] = cells[a];
        phase = phase + at::arange(cells[a], at::kDouble).view(line) *
                            (2 * std::numbers::pi * static_cast<double>(place[a] - 2) /
                             static_cast<double>(cells[a]));
      }
      channel = channel + draw[0] * at::cos(phase);
    }
    channels.push_back(channel);
  }
  return at::stack(channels).unsqueeze(0);
}

TEST(SpectralConvolution, GivesTheSameFunctionOnEveryGrid) {
  at::NoGradGuard const no_grad;
  for (auto const& coarse : {Cells{8}, {9}, {8, 10}, {7, 8}, {6, 7, 8}}) {
    FourierModes const modes{Cells(coarse.size(), 3)};
    auto const convolution = random_convolution(modes);
    auto fine = coarse;
    for (auto& cells : fine) {
      cells *= 2;
    }
    auto const v = band_limited(coarse), w = band_limited(fine);
    auto const on_coarse = convolution.forward(v, {modes, v});
    auto on_fine = convolution.forward(w, {modes, w});
    for (int64_t axis = 2; axis < on_fine.dim(); ++axis) {
      on_fine = on_fine.slice(axis, 0, std::nullopt, 2);
    }
    EXPECT_LE((on_coarse - on_fine).abs().max().item<double>(),
              1e-12 * on_coarse.abs().max().item<double>())
        << at::IntArrayRef(coarse);
  }
}

TEST(SpectralConvolution, MovesWithItsInput) {
  at::NoGradGuard const no_grad;
  for (auto const& [cells, kept] : cases()) {
    FourierModes const modes{kept};
    auto const convolution = random_convolution(modes);
    auto const v = field(cells, 1);
    Cells shift, axes;
    for (size_t a = 0; a < cells.size(); ++a) {
      shift.push_back(static_cast<int64_t>(a) + 1);
      axes.push_back(static_cast<int64_t>(a) + 2);
    }
    auto const y = convolution.forward(v, {modes, v});
    auto const moved = convolution.forward(v.roll(shift, axes), {modes, v});
    EXPECT_LE((moved - y.roll(shift, axes)).abs().max().item<double>(),
              kRoundOff * y.abs().max().item<double>());
  }
}

TEST(SpectralConvolution, KeepsItsAccuracyInFloat32OnLongAxes) {
  at::NoGradGuard const no_grad;
  FourierModes const modes{{16}};
  auto const convolution = random_convolution(modes);
  auto const v = field({8192}, 1);
  auto const exact = convolution.forward(v, {modes, v});
  SpectralConvolution single(kIn, kOut, modes);
  single.weight.copy_(convolution.weight);
  auto const rough = single.forward(v.to(at::kFloat), {modes, v.to(at::kFloat)});
  // Sums of 8192 terms in blocks: some 10 roundings of 6e-8, relative to terms 100 times the sum.
  EXPECT_LE((rough - exact).abs().max().item<double>(), 1e-5 * exact.abs().max().item<double>());
}

TEST(SpectralConvolution, HasRealWeightsOnly) {
  SpectralConvolution const convolution(4, 5, FourierModes{{2, 3, 4}});
  EXPECT_EQ(convolution.weight.sizes().vec(), (Cells{4, 6, 4, 4, 5, 2}));
  EXPECT_EQ(convolution.weight.scalar_type(), at::kFloat);
}

TEST(FourierBasis, GivesTheFieldBackWhereAllModesAreKept) {
  // With an even number on the other axes all frequencies are among -m … m-1.
  for (auto const& [cells, kept] :
       {Case{{8}, {5}}, {{7}, {4}}, {{6, 8}, {3, 5}}, {{4, 6, 5}, {2, 3, 3}}}) {
    FourierModes const modes{kept};
    auto const v = field(cells, 2);
    FourierBasis const basis(modes, v);
    EXPECT_TRUE(at::allclose(basis.synthesise(basis.analyse(v)), v, kRoundOff, kRoundOff));
  }
}

TEST(FourierModes, RefuseAnAxisTooShortForThem) {
  auto const message = [](Cells const& kept, Cells const& cells, std::vector<size_t> const& axes) {
    try {
      FourierModes{kept}.check(cells, axes);
    } catch (Error const& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message({5, 3}, {8, 8}, {1, 2}),
              testing::HasSubstr("axis H has 8 points, too few for model.modes 5; set model.modes "
                                 "there to at most 4"));
  EXPECT_THAT(message({2, 6}, {8, 8}, {0, 2}),
              testing::HasSubstr("axis W has 8 points, too few for model.modes 6; set model.modes "
                                 "there to at most 5"));
  EXPECT_THAT(message({4}, {5}, {1}), testing::HasSubstr("axis H has 5 points"));
  EXPECT_EQ(message({4, 5}, {8, 8}, {1, 2}), "no error");
  EXPECT_EQ(message({2, 3}, {5, 5}, {1, 2}), "no error");
}

}  // namespace
}  // namespace eddyline
