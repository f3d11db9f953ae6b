// Forward pass and training step of MORPH against the same network op by op (morph_plain.hpp), in
// the same process and turn by turn, so that a busy machine slows both. Prints the least of the
// times.
#include <algorithm>
#include <cstdio>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "bench/morph_plain.hpp"
#include "bench/plain_adamw.hpp"
#include "bench/race.hpp"
#include "workflows/training/learning_step.hpp"

namespace eddyline::bench {
namespace {

constexpr double kRate = 1e-6;  // weights hardly move, so that every step does the same work

struct Case {
  char const* name;
  MorphSize size;
  std::vector<int64_t> volume;  ///< (B, t, F, C, D, H, W)
};

SurrogateSpec spec_of(std::vector<int64_t> const& volume) {
  std::vector<Field> fields;
  for (int64_t f = 0; f < volume[2]; ++f) {
    Field field{.name = "field" + std::to_string(f), .components = {}};
    for (int64_t c = 0; c < volume[3]; ++c) {
      field.components.push_back(std::to_string(c));
    }
    fields.push_back(field);
  }
  return {.input_fields = FieldSet(fields), .output_fields = FieldSet(fields)};
}

/// A whole training step: dropout, loss, backward, AdamW.
void measure_training(Case const& one, Morph& morph, int rounds) {
  PlainMorph const plain(morph);
  PlainAdamW plain_optimiser(morph);
  AdamW optimiser(trained_parameters(morph, AdamWConfig{}.weight_decay), {});
  auto const volume = at::randn(one.volume);
  Pass pass{.training = true};
  for (int64_t b = 0; b < one.volume[0]; ++b) {
    pass.samples.push_back(b);
  }
  auto const step = [&](auto const& forward, auto& of) {
    optimiser.clear_gradients();
    forward().square().mean().backward();
    of.step(kRate);
  };
  auto const times =
      race([&] { step([&] { return plain.forward(volume, Mode::training); }, plain_optimiser); },
           [&] {
             ++pass.random.step;
             step([&] { return morph.forward(volume, pass).pred; }, optimiser);
           },
           rounds);
  report(one.name, "training step", times, 0);
}

void measure(Case const& one, int rounds) {
  Morph morph({.size = one.size}, spec_of(one.volume), 1);
  morph.eval();
  PlainMorph const plain(morph);
  at::manual_seed(1);
  auto const volume = at::randn(one.volume);
  Pass pass;
  for (int64_t b = 0; b < one.volume[0]; ++b) {
    pass.samples.push_back(b);
  }
  {
    at::NoGradGuard const no_grad;
    auto const difference =
        (plain.forward(volume) - morph.forward(volume, pass).pred).abs().max().item<double>();
    report(one.name,
           "forward",
           race([&] { plain.forward(volume); }, [&] { morph.forward(volume, pass); }, rounds),
           difference);
    pass.precision = Precision::bf16;
    auto const rough =
        (plain.forward(volume) - morph.forward(volume, pass).pred).abs().max().item<double>();
    report(one.name,
           "forward bf16",
           race([&] { plain.forward(volume); }, [&] { morph.forward(volume, pass); }, rounds),
           rough);
    pass.precision = Precision::fp32;
  }
  measure_training(one, morph, std::max(2, rounds / 2));
}

}  // namespace
}  // namespace eddyline::bench

int main() {
  using eddyline::MorphSize;
  eddyline::bench::print_heading();
  std::vector<eddyline::bench::Case> const cases = {
      {"Ti 1-D 1024 F3 C1", MorphSize::Ti, {1, 1, 3, 1, 1, 1, 1024}},
      {"Ti 2-D 128^2 F1 C1", MorphSize::Ti, {1, 1, 1, 1, 1, 128, 128}},
      {"Ti 2-D 128^2 F3 C2", MorphSize::Ti, {1, 1, 3, 2, 1, 128, 128}},
      {"Ti 2-D 128^2 F2 C1 B8", MorphSize::Ti, {8, 1, 2, 1, 1, 128, 128}},
      {"Ti 3-D 64^3 F3 C3", MorphSize::Ti, {1, 1, 3, 3, 64, 64, 64}},
      {"S 2-D 128^2 F3 C2", MorphSize::S, {1, 1, 3, 2, 1, 128, 128}}};
  for (auto const& one : cases) {
    eddyline::bench::measure(one, 8);
  }
  return 0;
}
