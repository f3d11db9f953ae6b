#include "data/field/grid.hpp"

#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace eddyline {
namespace {

constexpr double kUniformTolerance = 1e-4;  // float32 coordinates of 1e4 points keep this much
constexpr double kEqualCellTolerance = 1e-6;

/// Cell edges: given ones, else midpoints, with the outer cells as long as half their neighbour
/// asks.
std::vector<double> edges_of(Axis const& axis) {
  if (!axis.edges.empty()) {
    return axis.edges;
  }
  auto const& x = axis.coordinates;
  auto const n = x.size();
  std::vector<double> edges(n + 1);
  if (n == 1) {
    return {x[0] - 0.5, x[0] + 0.5};
  }
  for (size_t i = 1; i < n; ++i) {
    edges[i] = 0.5 * (x[i - 1] + x[i]);
  }
  edges[0] = x[0] - 0.5 * (x[1] - x[0]);
  edges[n] = x[n - 1] + 0.5 * (x[n - 1] - x[n - 2]);
  return edges;
}

double radians(double value, Axis const& axis) {
  bool const in_degrees = axis.units.starts_with("degree");
  return in_degrees ? value * std::numbers::pi / 180 : value;
}

/// Integral over each cell of the axis' factor of the volume element.
template <class Primitive>
std::vector<double> integrate(Axis const& axis, Primitive primitive) {
  auto const edges = edges_of(axis);
  std::vector<double> weights;
  for (size_t i = 0; i + 1 < edges.size(); ++i) {
    weights.push_back(std::abs(primitive(edges[i + 1]) - primitive(edges[i])));
  }
  return weights;
}

std::vector<double> weights_of(Axis const& axis, Geometry geometry) {
  if (axis.size() == 1) {
    return {1.0};
  }
  if (geometry == Geometry::cartesian) {
    return axis.cell_lengths();
  }
  auto const half_turn = std::numbers::pi / 2;
  if (axis.name == "latitude" || axis.name == "lat") {
    return integrate(axis, [&](double x) {
      return std::sin(std::clamp(radians(x, axis), -half_turn, half_turn));
    });
  }
  if (axis.name == "theta") {
    return integrate(
        axis, [&](double x) { return std::cos(std::clamp(radians(x, axis), 0.0, 2 * half_turn)); });
  }
  if (axis.name == "r") {
    return integrate(axis, [](double r) { return r * r * r / 3; });
  }
  if (axis.name == "log_r") {
    return integrate(axis, [](double r) { return std::exp(3 * r) / 3; });
  }
  return axis.cell_lengths();
}

}  // namespace

bool Axis::is_uniform() const {
  if (size() < 3) {
    return true;
  }
  auto const mean = spacing();
  for (size_t i = 1; i < coordinates.size(); ++i) {
    if (std::abs(coordinates[i] - coordinates[i - 1] - mean) > kUniformTolerance * std::abs(mean)) {
      return false;
    }
  }
  return true;
}

double Axis::spacing() const {
  return size() < 2 ? 1.0
                    : (coordinates.back() - coordinates.front()) / static_cast<double>(size() - 1);
}

std::vector<double> Axis::cell_lengths() const {
  return integrate(*this, [](double x) { return x; });
}

Grid::Grid(std::vector<Axis> axes, Geometry geometry)
    : geometry_(geometry), dimensions_(static_cast<int>(axes.size())) {
  require(axes.size() <= 3, "a grid has at most 3 axes, this one has ", axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    require(axes[i].size() > 0, "axis '", axes[i].name, "' has no points");
    axes_[3 - axes.size() + i] = std::move(axes[i]);
  }
}

std::array<std::vector<double>, 3> Grid::cell_weights() const {
  return {weights_of(axes_[0], geometry_),
          weights_of(axes_[1], geometry_),
          weights_of(axes_[2], geometry_)};
}

bool Grid::has_equal_cells() const {
  for (auto const& weights : cell_weights()) {
    auto const [low, high] = std::minmax_element(weights.begin(), weights.end());
    if (*high - *low > kEqualCellTolerance * *high && *high > 0) {
      return false;
    }
  }
  return true;
}

Grid Grid::crop(std::array<int64_t, 3> first, std::array<int64_t, 3> size) const {
  auto part = *this;
  for (size_t a = 0; a < 3; ++a) {
    auto const& whole = axes_[a];
    EDDYLINE_ENSURE(first[a] >= 0 && first[a] + size[a] <= whole.size(), "axis ", a);
    auto& axis = part.axes_[a];
    axis.coordinates.assign(whole.coordinates.begin() + first[a],
                            whole.coordinates.begin() + first[a] + size[a]);
    if (!whole.edges.empty()) {
      axis.edges.assign(whole.edges.begin() + first[a],
                        whole.edges.begin() + first[a] + size[a] + 1);
    }
    if (size[a] != whole.size()) {
      axis.boundaries = {
          first[a] == 0 && !whole.is_periodic() ? whole.boundaries[0] : Boundary::open,
          first[a] + size[a] == whole.size() && !whole.is_periodic() ? whole.boundaries[1]
                                                                     : Boundary::open};
    }
  }
  return part;
}

std::string Grid::describe() const {
  std::string text = to_string(geometry_);
  for (int i = 3 - dimensions_; i < 3; ++i) {
    auto const& axis = axes_[static_cast<size_t>(i)];
    text += concat(i == 3 - dimensions_ ? ": " : ", ",
                   axis.name,
                   " ",
                   axis.size(),
                   " (",
                   axis.coordinates.front(),
                   " … ",
                   axis.coordinates.back(),
                   axis.units.empty() ? "" : " " + axis.units,
                   axis.is_uniform() ? "" : ", stretched");
    text +=
        axis.boundaries[0] == axis.boundaries[1]
            ? concat(", ", to_string(axis.boundaries[0]), ")")
            : concat(
                  ", ", to_string(axis.boundaries[0]), " to ", to_string(axis.boundaries[1]), ")");
  }
  return text;
}

std::string to_string(Boundary boundary) {
  switch (boundary) {
    case Boundary::wall:
      return "wall";
    case Boundary::open:
      return "open";
    case Boundary::periodic:
      return "periodic";
  }
  return "";
}

std::string to_string(Geometry geometry) {
  switch (geometry) {
    case Geometry::cartesian:
      return "cartesian";
    case Geometry::lat_lon:
      return "lat_lon";
    case Geometry::spherical:
      return "spherical";
  }
  return "";
}

Boundary parse_boundary(std::string const& text) {
  for (auto const boundary : {Boundary::wall, Boundary::open, Boundary::periodic}) {
    if (text == to_string(boundary)) {
      return boundary;
    }
  }
  throw Error(
      concat("unknown boundary '", text, "'", did_you_mean(text, {"wall", "open", "periodic"})));
}

Geometry parse_geometry(std::string const& text) {
  for (auto const geometry : {Geometry::cartesian, Geometry::lat_lon, Geometry::spherical}) {
    if (text == to_string(geometry)) {
      return geometry;
    }
  }
  throw Error(concat(
      "unknown geometry '", text, "'", did_you_mean(text, {"cartesian", "lat_lon", "spherical"})));
}

}  // namespace eddyline
