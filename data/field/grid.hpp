#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace eddyline {

enum class Boundary { wall, open, periodic };
enum class Geometry { cartesian, lat_lon, spherical };

/// One direction of a grid.
struct Axis {
  std::string name = "";               ///< "x", "theta", "latitude"; "" for an axis that data lack
  std::vector<double> coordinates{0};  ///< of the cell centres, in file order (may descend)
  std::string units;
  std::array<Boundary, 2> boundaries = {Boundary::open, Boundary::open};  ///< low index, high index
  /// Cell edges (size + 1) where the data give them, else empty.
  std::vector<double> edges;

  int64_t size() const { return static_cast<int64_t>(coordinates.size()); }
  bool is_periodic() const {
    return boundaries[0] == Boundary::periodic && boundaries[1] == Boundary::periodic;
  }
  /// True if neighbouring coordinates differ by the same amount to 1e-4 of it. Length 1 is uniform.
  bool is_uniform() const;
  /// Mean distance of neighbours, signed; 1 for an axis of length 1.
  double spacing() const;
  /// Lengths of the cells (positive): from the edges, else from midpoints between neighbours.
  std::vector<double> cell_lengths() const;
  bool operator==(Axis const&) const = default;
};

/// Where values sit: always three axes D, H, W in the file's order; those that data lack have
/// length 1 and no name, and come first (a 2-D field (x, y) has H = x, W = y).
class Grid {
 public:
  Grid() = default;
  /// Up to three named axes in the file's order.
  explicit Grid(std::vector<Axis> axes, Geometry geometry = Geometry::cartesian);

  std::array<Axis, 3> const& axes() const { return axes_; }
  Axis const& axis(int index) const { return axes_[static_cast<size_t>(index)]; }
  Geometry geometry() const { return geometry_; }
  /// Number of named axes.
  int dimensions() const { return dimensions_; }
  std::array<int64_t, 3> shape() const {
    return {axes_[0].size(), axes_[1].size(), axes_[2].size()};
  }
  int64_t cells() const { return axes_[0].size() * axes_[1].size() * axes_[2].size(); }
  /// Weight of a cell = product of one weight an axis: lengths on cartesian axes, sine of the
  /// colatitude (difference of sines of latitude edges) on lat-lon and spherical ones, r^2 dr along
  /// a radius.
  std::array<std::vector<double>, 3> cell_weights() const;
  /// True if every cell has the same weight to 1e-6.
  bool has_equal_cells() const;
  /// The part of the grid from `first` of `size` cells on each axis.
  Grid crop(std::array<int64_t, 3> first, std::array<int64_t, 3> size) const;
  /// "x 32 (periodic, 0 … 9.7), y 24 (wall)".
  std::string describe() const;
  bool operator==(Grid const&) const = default;

 private:
  std::array<Axis, 3> axes_{};
  Geometry geometry_ = Geometry::cartesian;
  int dimensions_ = 0;
};

std::string to_string(Boundary boundary);
std::string to_string(Geometry geometry);
/// \throw Error  naming what is allowed
Boundary parse_boundary(std::string const& text);
Geometry parse_geometry(std::string const& text);

}  // namespace eddyline
