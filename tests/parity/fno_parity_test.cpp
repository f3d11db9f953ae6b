// FNO and IFNO: every parameter's gradient along a random direction, and that of the input, against
// central differences in float64. (Their values are compared with sums of the definition in
// tests/surrogates/fno.)
#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.hpp"
#include "surrogates/fno/fno.hpp"
#include "tests/parity/module.hpp"

namespace eddyline::parity {
namespace {

constexpr double kTolerance = 1e-8;  // of the loss' size; truncation and round-off are near 1e-10

/// The image as a parameter, so that its gradient is among those compared.
struct WithInput : torch::nn::Module {
  std::shared_ptr<Fno> network;
  at::Tensor image;
};

std::shared_ptr<WithInput> make(std::vector<int64_t> const& cells, Fno::Form form) {
  std::vector<Axis> axes;
  for (auto const size : cells) {
    axes.push_back({.name = std::string(1, static_cast<char>('x' + axes.size())),
                    .coordinates = std::vector<double>(static_cast<size_t>(size))});
  }
  FieldSet const fields({{.name = "u", .components = {"x", "y"}, .order = 1}});
  SurrogateSpec const spec{.input_fields = fields, .output_fields = fields, .grid = Grid(axes)};
  FnoConfig const config{
      .modes = {2, 2, 4}, .width = 6, .layers = 3, .projection = 8, .history = 1};
  auto made = std::make_shared<WithInput>();
  made->network = made->register_module("network", std::make_shared<Fno>(config, form, spec, 1));
  made->image = made->register_parameter("image", at::zeros({2, 2, 1, 1, 1}));
  made->to(at::kDouble);
  auto const shape = spec.grid.shape();
  auto numbers = at::empty({2, 2, shape[0], shape[1], shape[2]}, at::kDouble);
  fill_normal(numbers, {.seed = 3}, {0, 1});
  made->image.set_data(numbers);
  at::NoGradGuard const no_grad;
  for (auto const& item : made->named_parameters()) {
    if (item.key().ends_with("spectral.weight")) {
      item.value().mul_(50);  // the authors' small start would hide an error
    }
  }
  return made;
}

TEST(FnoParity, DirectionalDifferences) {
  for (auto const form : {Fno::Form::stacked, Fno::Form::implicit}) {
    for (auto const& cells : {std::vector<int64_t>{7}, {5, 6}, {4, 5, 7}}) {
      auto const made = make(cells, form);
      Reference reference;
      reference.stem = std::string(form == Fno::Form::implicit ? "ifno " : "fno ") +
                       std::to_string(cells.size()) + "-D";
      auto const loss = [&] { return made->network->forward(made->image, {}).square().mean(); };
      compare_directions(reference, *made, loss, kTolerance);
    }
  }
}

}  // namespace
}  // namespace eddyline::parity
