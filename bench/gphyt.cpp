// GPhyT's forecast and training step against the same network op by op (gphyt_plain.hpp), in the
// same process and turn by turn, so that a busy machine slows both. Prints the least of the times.
#include <algorithm>
#include <string_view>

#include <ATen/ATen.h>

#include "bench/gphyt_plain.hpp"
#include "bench/plain_adamw.hpp"
#include "bench/race.hpp"
#include "core/device.hpp"
#include "workflows/training/learning_step.hpp"

namespace eddyline::bench {
namespace {

constexpr double kRate = 1e-6;  // weights hardly move, so that every step does the same work
constexpr int64_t kFrames = 4, kFields = 5, kHigh = 256, kWide = 128;  // as published

struct Case {
  char const* name;
  GphytSize size;
  double quoted;           ///< [ms] the reference's forward pass on one core of an EPYC
  double quoted_training;  ///< and with the backward pass
};

SurrogateSpec published_spec() {
  std::vector<Field> fields;
  for (auto const* name : {"pressure", "density", "temperature", "velocity_x", "velocity_y"}) {
    fields.push_back({.name = name});
  }
  auto const axis = [](char const* name, int64_t cells) {
    Axis made{.name = name, .coordinates = std::vector<double>(static_cast<size_t>(cells))};
    for (size_t i = 0; i < made.coordinates.size(); ++i) {
      made.coordinates[i] = static_cast<double>(i);
    }
    return made;
  };
  return {.input_fields = FieldSet(fields),
          .output_fields = FieldSet(fields),
          .grid = Grid({axis("x", kHigh), axis("y", kWide)})};
}

double difference(at::Tensor const& plain, at::Tensor const& ours) {
  return (plain - ours.squeeze(3).movedim(2, -1)).abs().max().item<double>();
}

/// A whole training step: loss, backward, AdamW.
void measure_training(Case const& one, Gphyt& gphyt, at::Tensor const& x, int rounds) {
  PlainGphyt const plain(gphyt);
  PlainAdamW plain_optimiser(gphyt);
  AdamW optimiser(trained_parameters(gphyt, AdamWConfig{}.weight_decay), {});
  Batch const batch{.input = x};
  auto const frames = x.squeeze(3).movedim(2, -1).contiguous();
  auto const step = [&](auto const& forward, auto& of) {
    optimiser.clear_gradients();
    forward().square().mean().backward();
    of.step(kRate);
  };
  auto const plain_step = [&] { step([&] { return plain.forward(frames); }, plain_optimiser); };
  for (auto const precision : {Precision::fp32, Precision::bf16}) {
    auto const run = [&](Activations activations) {
      step(
          [&] {
            return gphyt.predict(batch, {.precision = precision, .activations = activations});
          },
          optimiser);
    };
    auto const our_step = [&] { run(Activations::keep); };
    auto const* const what = precision == Precision::fp32 ? "training step" : "training bf16";
    auto const times = race(plain_step, our_step, rounds);
    report(one.name, what, times, 0);
    report_memory(one.name, what, peak_memory(plain_step), peak_memory(our_step));
    if (precision == Precision::fp32) {
      report_quoted(one.name, what, times.first, one.quoted_training);
      report_recompute(
          one.name, our_step, [&] { run(Activations::recompute); }, rounds);
    }
  }
}

void measure(Case const& one, int rounds) {
  Gphyt gphyt({.size = one.size}, published_spec(), 1);
  gphyt.eval();
  gphyt.to(device());
  PlainGphyt const plain(gphyt);
  at::manual_seed(1);
  Batch const batch{.input = random_samples({1, kFrames, kFields, 1, kHigh, kWide})};
  auto const frames = batch.input.squeeze(3).movedim(2, -1).contiguous();
  {
    at::NoGradGuard const no_grad;
    auto const exact = plain.forward(frames);
    auto const compare = [&](char const* what, auto const& ours) {
      auto const times = race([&] { plain.forward(frames); }, [&] { ours(); }, rounds);
      report(one.name, what, times, difference(exact, ours()));
      return times.first;
    };
    for (auto const precision : {Precision::fp32, Precision::bf16}) {
      bool const exact_products = precision == Precision::fp32;
      auto const frozen = gphyt.freeze(precision);
      auto const plain_seconds = compare(exact_products ? "frozen" : "frozen bf16",
                                         [&] { return frozen->predict(batch); });
      compare(exact_products ? "as trained" : "trained bf16",
              [&] { return gphyt.predict(batch, {.precision = precision}); });
      if (exact_products) {
        report_quoted(one.name, "forward", plain_seconds, one.quoted);
      }
    }
  }
  measure_training(one, gphyt, batch.input, std::max(2, rounds / 2));
}

}  // namespace
}  // namespace eddyline::bench

/// \param argv  `S` leaves the larger network out
int main(int argc, char** argv) {
  using eddyline::GphytSize;
  eddyline::bench::read_options(argc, argv);
  eddyline::keep_freed_memory();
  eddyline::bench::print_heading();
  eddyline::bench::measure({"S 4x256x128x5", GphytSize::S, 152, 419}, 12);
  if (argc < 2 || std::string_view(argv[1]) != "S") {
    eddyline::bench::measure({"M 4x256x128x5", GphytSize::M, 1400, 5100}, 3);
  }
  return 0;
}
