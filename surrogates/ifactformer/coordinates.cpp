#include "surrogates/ifactformer/coordinates.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

namespace eddyline {
namespace {

constexpr double kTurnsPerUnit = 64;

double length_of(Axis const& axis) {
  if (axis.size() < 2) {
    return 0;
  }
  auto const steps = static_cast<double>(axis.is_periodic() ? axis.size() : axis.size() - 1);
  return std::abs(axis.spacing()) * steps;
}

at::Tensor from_lowest(Axis const& axis, double scale) {
  auto values = axis.coordinates;
  auto const lowest = *std::min_element(values.begin(), values.end());
  for (auto& value : values) {
    value = (value - lowest) * scale;
  }
  return at::tensor(values, at::kDouble).to(at::kFloat);
}

}  // namespace

CoordinateMap::CoordinateMap(IFactFormerConfig const& config, Grid const& training)
    : mode_(config.coordinates) {
  for (size_t a = 0; a < 3 && config.extent; ++a) {
    auto const length = length_of(training.axes()[a]);
    scale_[a] = length > 0 ? (*config.extent)[a] / length : 1;
  }
}

AxisCoordinates CoordinateMap::on(Grid const& grid) const {
  AxisCoordinates coordinates;
  for (size_t a = 0; a < 3; ++a) {
    auto const& axis = grid.axes()[a];
    coordinates[a] = mode_ == IFactCoordinates::grid
                         ? from_lowest(axis, scale_[a])
                         : at::linspace(0, length_of(axis) * scale_[a], axis.size(), at::kFloat);
  }
  return coordinates;
}

AxisCoordinates part_of(AxisCoordinates const& whole, Box const& box) {
  auto part = whole;
  for (size_t a = 0; a < part.size(); ++a) {
    part[a] = part[a].narrow(0, box.first[a], box.size[a]);
  }
  return part;
}

at::Tensor fourier_features(AxisCoordinates const& coordinates, at::Tensor const& directions) {
  auto const [x, y, z] = coordinates;
  std::vector<int64_t> const cells = {x.size(0), y.size(0), z.size(0)};
  auto const places = at::stack({x.view({-1, 1, 1}).expand(cells),
                                 y.view({1, -1, 1}).expand(cells),
                                 z.view({1, 1, -1}).expand(cells)},
                                -1)
                          .view({-1, 3});
  auto const angles = at::mm(places, directions).mul_(2 * std::numbers::pi);
  return at::cat({angles.sin(), angles.cos()}, -1);
}

at::Tensor Rotation::apply(at::Tensor const& vectors) const {
  auto const halves = vectors.chunk(2, -1);
  return vectors * cosine + at::cat({-halves[1], halves[0]}, -1) * sine;
}

Rotation rotation(at::Tensor const& coordinate, at::Tensor const& frequencies) {
  auto const angles = (coordinate * kTurnsPerUnit).unsqueeze(1) * frequencies;
  auto const both = at::cat({angles, angles}, -1);
  return {.cosine = both.cos(), .sine = both.sin()};
}

}  // namespace eddyline
