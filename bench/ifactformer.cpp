// IFactFormer-m's forecast and training step against the same network op by op
// (ifactformer_plain.hpp), in the same process and turn by turn, so that a busy machine slows both.
// Prints the least of the times.
#include <numbers>
#include <string_view>

#include <ATen/ATen.h>

#include "bench/ifactformer_plain.hpp"
#include "bench/plain_adamw.hpp"
#include "bench/race.hpp"
#include "core/device.hpp"
#include "workflows/training/learning_step.hpp"

namespace eddyline::bench {
namespace {

constexpr double kRate = 1e-6;  // weights hardly move, so that every step does the same work
constexpr char const* kCase = "m 32x33x16 C3";  // Re_tau 180, as published
constexpr std::array<int64_t, 3> kCells = {32, 33, 16};

SurrogateSpec published_spec() {
  auto const axis = [](char const* name, int64_t cells, double length) {
    Axis made{.name = name, .coordinates = std::vector<double>(static_cast<size_t>(cells))};
    for (size_t i = 0; i < made.coordinates.size(); ++i) {
      made.coordinates[i] = length * static_cast<double>(i) / static_cast<double>(cells - 1);
    }
    return made;
  };
  FieldSet const fields({{.name = "velocity", .components = {"x", "y", "z"}, .order = 1}});
  return {.input_fields = fields,
          .output_fields = fields,
          .grid = Grid({axis("x", kCells[0], 4 * std::numbers::pi),
                        axis("y", kCells[1], 2),
                        axis("z", kCells[2], 4 * std::numbers::pi / 3)})};
}

/// Ours (B, 1, C, X, Y, Z) against plain (B, X, Y, Z, C).
double difference(at::Tensor const& plain, at::Tensor const& ours) {
  return (plain - ours.squeeze(1).movedim(1, -1)).abs().max().item<double>();
}

/// Fresh weights but for queries and keys, whose kernels would be too small to matter.
IFactFormer fresh_network() {
  constexpr double kFactor = 12;
  IFactFormer network({}, published_spec(), 1);
  at::NoGradGuard const no_grad;
  for (auto const& item : network.named_parameters()) {
    if (item.key().ends_with("to_q.weight") || item.key().ends_with("to_k.weight")) {
      item.value().mul_(kFactor);
    }
  }
  network.to(device());
  return network;
}

AxisCoordinates coordinates_of(IFactFormer const& network) {
  auto coordinates = network.window().coordinates().on(published_spec().grid);
  for (auto& coordinate : coordinates) {
    coordinate = coordinate.to(device());
  }
  return coordinates;
}

/// A network, its plain form and the input of both.
struct Runners {
  IFactFormer network = fresh_network();
  PlainIFactFormer plain{network};
  AxisCoordinates coordinates = coordinates_of(network);
  Batch batch{.input = random_samples({1, 1, 3, kCells[0], kCells[1], kCells[2]})};
  at::Tensor cells = batch.input.movedim(2, -1).contiguous();
};

void measure_forecast(Runners& of, int rounds) {
  at::NoGradGuard const no_grad;
  auto const exact = of.plain.forward(of.cells, of.coordinates);
  auto const compare = [&](char const* what, auto const& ours) {
    auto const times =
        race([&] { of.plain.forward(of.cells, of.coordinates); }, [&] { ours(); }, rounds);
    report(kCase, what, times, difference(exact, ours()));
    return times.first;
  };
  for (auto const precision : {Precision::fp32, Precision::bf16}) {
    bool const exact_products = precision == Precision::fp32;
    auto const frozen = of.network.freeze(precision);
    auto const plain_seconds = compare(exact_products ? "frozen" : "frozen bf16",
                                       [&] { return frozen->predict(of.batch); });
    compare(exact_products ? "as trained" : "trained bf16",
            [&] { return of.network.predict(of.batch, {.precision = precision}); });
    if (exact_products) {
      report_quoted(kCase, "forward", plain_seconds, 3214);
    }
  }
}

/// A whole training step: loss, backward, AdamW.
void measure_training(Runners& of, int rounds) {
  PlainAdamW plain_optimiser(of.network);
  AdamW optimiser(trained_parameters(of.network, AdamWConfig{}.weight_decay), {});
  auto const step = [&](auto const& forward, auto& by) {
    optimiser.clear_gradients();
    forward().square().mean().backward();
    by.step(kRate);
  };
  auto const plain_step = [&] {
    step([&] { return of.plain.forward(of.cells, of.coordinates); }, plain_optimiser);
  };
  for (auto const precision : {Precision::fp32, Precision::bf16}) {
    auto const run = [&](Activations activations) {
      Context const context{.precision = precision, .activations = activations};
      step([&] { return of.network.predict(of.batch, context); }, optimiser);
    };
    auto const our_step = [&] { run(Activations::keep); };
    auto const* const what = precision == Precision::fp32 ? "training step" : "training bf16";
    auto const times = race(plain_step, our_step, rounds);
    report(kCase, what, times, 0);
    report_memory(kCase, what, peak_memory(plain_step), peak_memory(our_step));
    if (precision == Precision::fp32) {
      report_quoted(kCase, what, times.first, 7759);
      report_recompute(
          kCase, our_step, [&] { run(Activations::recompute); }, rounds);
    }
  }
}

}  // namespace
}  // namespace eddyline::bench

/// `training` alone leaves the forecasts out.
int main(int count, char** arguments) {
  eddyline::bench::read_options(count, arguments);
  eddyline::keep_freed_memory();
  eddyline::bench::print_heading();
  at::manual_seed(1);
  eddyline::bench::Runners runners;
  if (count < 2 || std::string_view(arguments[1]) != "training") {
    eddyline::bench::measure_forecast(runners, 3);
  }
  eddyline::bench::measure_training(runners, 2);
  return 0;
}
