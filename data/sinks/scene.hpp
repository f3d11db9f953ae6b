#pragma once

#include <array>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/decomposition.hpp"
#include "data/field/field_set.hpp"
#include "data/field/grid.hpp"

namespace eddyline {

/// One data set of a frame.
struct SceneField {
  std::string name;               ///< of the data set and in ParaView
  std::vector<int64_t> channels;  ///< one, or three (x, y, z) of a vector; -1: zero
  std::string units;

  bool is_vector() const { return channels.size() == 3; }
};

/// The type that values of a state are stored in: float64 stays float64, all else is float32.
at::ScalarType stored_type(at::ScalarType of_state);

/// How a State, whose axes are the source file's, lies in the scene that ParaView draws: arrays
/// (z, y, x) of ascending coordinates, missing axes of length 1.
///
/// Axes are placed by name (x, longitude, phi → x; y, latitude, theta → y; z, level, depth, r → z),
/// others in their order; fewer than three named axes take x, then y. An axis whose coordinates
/// descend is turned around. A vector whose components name axes becomes one (z, y, x, 3) array;
/// other components become arrays of their own.
class Scene {
 public:
  Scene(FieldSet const& fields, Grid const& grid);

  std::vector<SceneField> const& fields() const { return fields_; }
  /// Points along z, y, x.
  std::array<int64_t, 3> shape() const;
  /// The axis of the grid (0: D, 1: H, 2: W) along z, y, x.
  std::array<int, 3> const& order() const { return order_; }
  /// Ascending coordinates of `slot` 0: z, 1: y, 2: x.
  std::vector<double> coordinates(int slot) const;
  bool is_uniform() const;
  /// Origin and spacing along z, y, x of a uniform scene.
  std::array<double, 3> origin() const;
  std::array<double, 3> spacing() const;

  /// The array of one field from a state's values (C, D, H, W): (z, y, x) or (z, y, x, 3) of
  /// stored_type, on the host, contiguous.
  at::Tensor to_scene(at::Tensor const& values, SceneField const& field) const;
  /// Where a box of the grid lies in the scene.
  Box box_in_scene(Box const& box) const;
  /// The part of a scene array that box_in_scene gives, back into `out` (C, D, H, W): the inverse
  /// of to_scene, bit for bit.
  void from_scene(at::Tensor const& array, SceneField const& field, at::Tensor const& out) const;

 private:
  Grid grid_;
  std::array<int, 3> order_{};
  std::vector<SceneField> fields_;
};

}  // namespace eddyline
