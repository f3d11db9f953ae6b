// MORPH's frozen form, forward pass and training step against the same network op by op
// (morph_plain.hpp), in the same process and turn by turn, so that a busy machine slows both.
// Prints the least of the times. Quoted times: specification, section 16 (forward, one and two
// threads), and the survey of numbers (training step), upstream's eager form on this kind of
// machine.
#include <algorithm>
#include <string>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "bench/morph_plain.hpp"
#include "bench/plain_adamw.hpp"
#include "bench/race.hpp"
#include "core/device.hpp"
#include "workflows/training/learning_step.hpp"

namespace eddyline::bench {
namespace {

constexpr double kRate = 1e-6;  // weights hardly move, so that every step does the same work
constexpr int kRounds = 8;

/// Milliseconds quoted for upstream on 1 and 2 threads; 0: none.
struct Quoted {
  double one = 0, two = 0;
  double now() const {
    auto const threads = at::get_num_threads();
    return threads == 1 ? one : threads == 2 ? two : 0;
  }
};

struct Case {
  char const* name;
  MorphSize size;
  std::vector<int64_t> volume;  ///< (B, t, F, C, D, H, W)
  Quoted forward, step;
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

Pass pass_of(Case const& one, bool training = false) {
  Pass pass{.training = training};
  for (int64_t b = 0; b < batch_size(one.volume[0]); ++b) {
    pass.samples.push_back(b);
  }
  return pass;
}

void measure_frozen(Case const& one,
                    Morph const& morph,
                    at::Tensor const& volume,
                    Precision precision) {
  at::NoGradGuard const no_grad;
  PlainMorph const plain(morph);
  auto const frozen = morph.freeze(precision);
  Batch const batch{.input = volume.flatten(2, 3)};
  auto const expected = plain.forward(volume);
  auto const difference = (frozen->predict(batch).view_as(expected) - expected).abs().max();
  auto const times = race([&] { plain.forward(volume); }, [&] { frozen->predict(batch); }, kRounds);
  bool const half = precision == Precision::bf16;
  report(one.name, half ? "frozen bf16" : "frozen", times, difference.item<double>());
  if (!half) {
    report_quoted(one.name, "forward", times.first, one.forward.now());
  }
}

void measure_network(Case const& one,
                     Morph const& morph,
                     at::Tensor const& volume,
                     Precision precision) {
  at::NoGradGuard const no_grad;
  PlainMorph const plain(morph);
  auto pass = pass_of(one);
  pass.precision = precision;
  auto const difference =
      (plain.forward(volume) - morph.forward(volume, pass).pred).abs().max().item<double>();
  report(one.name,
         precision == Precision::bf16 ? "forward bf16" : "forward",
         race([&] { plain.forward(volume); }, [&] { morph.forward(volume, pass); }, kRounds),
         difference);
}

/// A whole training step: dropout, loss, backward, AdamW.
void measure_training(Case const& one,
                      Morph& morph,
                      at::Tensor const& volume,
                      Precision precision) {
  PlainMorph const plain(morph);
  PlainAdamW plain_optimiser(morph);
  AdamW optimiser(trained_parameters(morph, AdamWConfig{}.weight_decay), {});
  auto pass = pass_of(one, /*training=*/true);
  pass.precision = precision;
  auto const step = [&](auto const& forward, auto& of) {
    optimiser.clear_gradients();
    forward().square().mean().backward();
    of.step(kRate);
  };
  auto const by_plain = [&] {
    step([&] { return plain.forward(volume, Mode::training); }, plain_optimiser);
  };
  auto const run = [&](Activations activations) {
    ++pass.random.step;
    pass.activations = activations;
    step([&] { return morph.forward(volume, pass).pred; }, optimiser);
  };
  auto const by_ours = [&] { run(Activations::keep); };
  auto const times = race(by_plain, by_ours, kRounds / 2);
  bool const half = precision == Precision::bf16;
  report(one.name, half ? "step bf16" : "step", times, 0);
  if (!half) {
    report_quoted(one.name, "step", times.first, one.step.now());
    report_recompute(
        one.name, by_ours, [&] { run(Activations::recompute); }, kRounds / 2);
  }
  report_memory(one.name, half ? "step bf16" : "step", peak_memory(by_plain), peak_memory(by_ours));
}

void measure(Case const& one) {
  Morph morph({.size = one.size}, spec_of(one.volume), 1);
  morph.eval();
  morph.to(device());
  at::manual_seed(1);
  auto const volume = random_samples(one.volume);
  for (auto const precision : {Precision::fp32, Precision::bf16}) {
    measure_frozen(one, morph, volume, precision);
    measure_network(one, morph, volume, precision);
  }
  for (auto const precision : {Precision::fp32, Precision::bf16}) {
    measure_training(one, morph, volume, precision);
  }
}

}  // namespace
}  // namespace eddyline::bench

/// \param argv  words of which one must be part of a case's name; none: every case
int main(int argc, char** argv) {
  using eddyline::MorphSize;
  eddyline::bench::read_options(argc, argv);
  eddyline::keep_freed_memory();  // for both sides
  eddyline::bench::print_heading();
  std::vector<eddyline::bench::Case> const cases = {
      {"Ti 1-D 1024 F3 C1", MorphSize::Ti, {1, 1, 3, 1, 1, 1, 1024}, {51, 25}, {}},
      {"Ti 2-D 128^2 F1 C1", MorphSize::Ti, {1, 1, 1, 1, 1, 128, 128}, {58, 32}, {238, 200}},
      {"Ti 2-D 128^2 F3 C2", MorphSize::Ti, {1, 1, 3, 2, 1, 128, 128}, {75, 41}, {259, 167}},
      {"Ti 2-D 128^2 F2 C1 B8", MorphSize::Ti, {8, 1, 2, 1, 1, 128, 128}, {}, {}},
      {"Ti 3-D 64^3 F3 C3", MorphSize::Ti, {1, 1, 3, 3, 64, 64, 64}, {225, 166}, {917, 632}},
      {"S 2-D 128^2 F3 C2", MorphSize::S, {1, 1, 3, 2, 1, 128, 128}, {186, 106}, {711, 417}}};
  for (auto const& one : cases) {
    bool const asked = argc == 1 || std::any_of(argv + 1, argv + argc, [&](char const* word) {
                         return std::string(one.name).find(word) != std::string::npos;
                       });
    if (asked) {
      eddyline::bench::measure(one);
    }
  }
  return 0;
}
