// ClimaX's frozen form, forward pass and training step against the same network op by op
// (climax_plain.hpp), in the same process and turn by turn, so that a busy machine slows both.
// Prints the least of the times. Quoted times: specification, section 13 (forward, one and two
// threads), and the survey of numbers (training step), upstream's eager form on this kind of
// machine.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "bench/climax_plain.hpp"
#include "bench/plain_adamw.hpp"
#include "bench/race.hpp"
#include "core/device.hpp"
#include "workflows/training/learning_step.hpp"

namespace eddyline::bench {
namespace {

constexpr double kRate = 1e-7;  // weights hardly move, so that every step does the same work
constexpr int kRounds = 4;
constexpr char const* kName = "5.625, 48 in, 5 out";
constexpr double kForward[] = {2510, 1330};  // ms quoted for 1 and 2 threads
constexpr double kStep[] = {9897, 6043};

double quoted(double const (&times)[2]) {
  auto const threads = at::get_num_threads();
  return threads == 1 || threads == 2 ? times[threads - 1] : 0;
}

std::vector<std::string> outputs() {
  return {"geopotential_500",
          "temperature_850",
          "2m_temperature",
          "10m_u_component_of_wind",
          "10m_v_component_of_wind"};
}

FieldSet fields(std::vector<std::string> const& names) {
  std::vector<Field> made;
  for (auto const& name : names) {
    made.push_back({.name = name});
  }
  return FieldSet(made);
}

/// The published grid, 32 × 64 cells.
Grid globe() {
  Axis latitude{.name = "latitude", .coordinates = {}},
      longitude{.name = "longitude", .coordinates = {}};
  for (int64_t i = 0; i < 32; ++i) {
    latitude.coordinates.push_back(-90 + 5.625 * (static_cast<double>(i) + 0.5));
  }
  for (int64_t i = 0; i < 64; ++i) {
    longitude.coordinates.push_back(5.625 * static_cast<double>(i));
  }
  return Grid({latitude, longitude}, Geometry::lat_lon);
}

Climax published_network() {
  Climax climax({},
                {.input_fields = fields(published_variables()),
                 .output_fields = fields(outputs()),
                 .grid = globe()},
                1);
  climax.to(device());
  return climax;
}

/// Networks and data of one race.
struct Racers {
  Climax climax = published_network();
  PlainClimax plain{climax, published_variables(), outputs()};
  at::Tensor images = random_samples({1, 48, 32, 64});
  at::Tensor lead_time = at::full({images.size(0)}, 0.72F).to(device());
};

void measure_forward(Racers& racers, Precision precision) {
  at::NoGradGuard const no_grad;
  racers.climax.eval();
  bool const half = precision == Precision::bf16;
  auto const frozen = racers.climax.freeze(precision);
  Batch const batch{.input = racers.images.unsqueeze(1).unsqueeze(3),
                    .lead_time = racers.lead_time * 100};  // hours
  auto const by_plain = [&] { return racers.plain.forward(racers.images, racers.lead_time); };
  auto const by_ours = [&] { return racers.climax.predict(batch, {.precision = precision}); };
  auto const expected = by_plain();
  auto const difference = [&](at::Tensor const& ours) {
    return (ours.view_as(expected) - expected).abs().max().item<double>();
  };
  auto const times = race(
      by_plain, [&] { frozen->predict(batch); }, kRounds);
  report(kName, half ? "frozen bf16" : "frozen", times, difference(frozen->predict(batch)));
  if (!half) {
    report_quoted(kName, "forward", times.first, quoted(kForward));
  }
  report(kName,
         half ? "forward bf16" : "forward",
         race(by_plain, by_ours, kRounds / 2),
         difference(by_ours()));
}

/// A whole training step: dropout, loss, backward, AdamW.
void measure_training(Racers& racers, Precision precision) {
  racers.climax.train();
  PlainAdamW plain_optimiser(racers.climax);
  AdamW optimiser(trained_parameters(racers.climax, AdamWConfig{}.weight_decay), {});
  Pass pass{.precision = precision, .training = true};
  for (int64_t i = 0; i < racers.images.size(0); ++i) {
    pass.samples.push_back(i);
  }
  auto const step = [&](auto const& forward, auto& of) {
    optimiser.clear_gradients();
    forward().square().mean().backward();
    of.step(kRate);
  };
  auto const by_plain = [&] {
    step(
        [&] { return racers.plain.forward(racers.images, racers.lead_time, ClimaxMode::training); },
        plain_optimiser);
  };
  auto const run = [&](Activations activations) {
    ++pass.random.step;
    pass.activations = activations;
    step([&] { return racers.climax.forward(racers.images.unsqueeze(1), racers.lead_time, pass); },
         optimiser);
  };
  auto const by_ours = [&] { run(Activations::keep); };
  auto const times = race(by_plain, by_ours, kRounds / 2);
  bool const half = precision == Precision::bf16;
  report(kName, half ? "step bf16" : "step", times, 0);
  if (!half) {
    report_quoted(kName, "step", times.first, quoted(kStep));
    report_recompute(
        kName, by_ours, [&] { run(Activations::recompute); }, kRounds / 2);
  }
  report_memory(kName, half ? "step bf16" : "step", peak_memory(by_plain), peak_memory(by_ours));
}

}  // namespace
}  // namespace eddyline::bench

int main(int argc, char** argv) {
  using namespace eddyline;
  bench::read_options(argc, argv);
  keep_freed_memory();  // for both sides
  bench::print_heading();
  at::manual_seed(1);
  bench::Racers racers;
  for (auto const precision : {Precision::fp32, Precision::bf16}) {
    bench::measure_forward(racers, precision);
  }
  for (auto const precision : {Precision::fp32, Precision::bf16}) {
    bench::measure_training(racers, precision);
  }
  return 0;
}
