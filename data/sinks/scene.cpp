#include "data/sinks/scene.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr int kSlotX = 2, kSlotY = 1, kSlotZ = 0;

/// Slot that the name asks for: 0 x, 1 y, 2 z; -1 if it says nothing.
int direction_of(std::string const& name) {
  static std::array<std::vector<std::string>, 3> const names = {{
      {"x", "longitude", "lon", "phi", "rlon"},
      {"y", "latitude", "lat", "theta", "rlat"},
      {"z", "level", "lev", "depth", "height", "altitude", "pressure", "plev", "r", "log_r"},
  }};
  for (size_t direction = 0; direction < names.size(); ++direction) {
    if (std::find(names[direction].begin(), names[direction].end(), name) !=
        names[direction].end()) {
      return static_cast<int>(direction);
    }
  }
  return -1;
}

/// Axis numbers of the grid along x, y, z.
std::array<int, 3> place_axes(Grid const& grid) {
  std::vector<std::pair<int, int>> placed;  // (direction asked for, axis)
  std::vector<int> free;
  std::vector<bool> taken(3, false);
  for (int a = 3 - grid.dimensions(); a < 3; ++a) {
    auto const direction = direction_of(grid.axis(a).name);
    if (direction >= 0 && !taken[static_cast<size_t>(direction)]) {
      taken[static_cast<size_t>(direction)] = true;
      placed.emplace_back(direction, a);
    } else {
      free.push_back(a);
    }
  }
  for (auto const axis : free) {
    auto const slot =
        static_cast<int>(std::find(taken.begin(), taken.end(), false) - taken.begin());
    taken[static_cast<size_t>(slot)] = true;
    placed.emplace_back(slot, axis);
  }
  std::sort(placed.begin(), placed.end());
  std::array<int, 3> xyz{};
  size_t next = 0;
  for (auto const& [direction, axis] : placed) {
    xyz[next++] = axis;
  }
  for (int a = 0; a < 3 - grid.dimensions(); ++a) {
    xyz[next++] = a;
  }
  return xyz;
}

bool descends(Axis const& axis) {
  return axis.size() > 1 && axis.coordinates.front() > axis.coordinates.back();
}

/// Names as HDF5 and XDMF take them: a slash would open a group.
std::string plain(std::string name) {
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

/// Channels along x, y, z if every component of the vector is named after an axis, else nothing.
std::vector<int64_t> vector_channels(Field const& field,
                                     int64_t first,
                                     Grid const& grid,
                                     std::array<int, 3> const& order) {
  std::vector<int64_t> xyz(3, -1);
  size_t found = 0;
  for (size_t direction = 0; direction < 3; ++direction) {
    auto const& name = grid.axis(order[2 - direction]).name;
    auto const at = std::find(field.components.begin(), field.components.end(), name);
    if (!name.empty() && at != field.components.end()) {
      xyz[direction] = first + (at - field.components.begin());
      ++found;
    }
  }
  return found == field.components.size() ? xyz : std::vector<int64_t>{};
}

}  // namespace

at::ScalarType stored_type(at::ScalarType of_state) {
  return of_state == at::kDouble ? at::kDouble : at::kFloat;
}

Scene::Scene(FieldSet const& fields, Grid const& grid) : grid_(grid) {
  auto const xyz = place_axes(grid);
  order_ = {xyz[2], xyz[1], xyz[0]};
  auto const names = fields.channel_names();
  for (size_t f = 0; f < fields.fields().size(); ++f) {
    auto const& field = fields.fields()[f];
    auto const first = fields.first_channel(f);
    if (field.order == 1) {
      if (auto channels = vector_channels(field, first, grid, order_); !channels.empty()) {
        fields_.push_back({plain(field.name), std::move(channels), field.units});
        continue;
      }
    }
    for (int64_t k = 0; k < field.count(); ++k) {
      fields_.push_back({plain(names[static_cast<size_t>(first + k)]), {first + k}, field.units});
    }
  }
}

std::array<int64_t, 3> Scene::shape() const {
  return {grid_.axis(order_[0]).size(), grid_.axis(order_[1]).size(), grid_.axis(order_[2]).size()};
}

std::vector<double> Scene::coordinates(int slot) const {
  auto const& axis = grid_.axis(order_[static_cast<size_t>(slot)]);
  auto coordinates = axis.coordinates;
  if (descends(axis)) {
    std::reverse(coordinates.begin(), coordinates.end());
  }
  return coordinates;
}

bool Scene::is_uniform() const {
  return grid_.axis(0).is_uniform() && grid_.axis(1).is_uniform() && grid_.axis(2).is_uniform();
}

std::array<double, 3> Scene::origin() const {
  return {coordinates(kSlotZ).front(), coordinates(kSlotY).front(), coordinates(kSlotX).front()};
}

std::array<double, 3> Scene::spacing() const {
  return {std::abs(grid_.axis(order_[0]).spacing()),
          std::abs(grid_.axis(order_[1]).spacing()),
          std::abs(grid_.axis(order_[2]).spacing())};
}

at::Tensor Scene::to_scene(at::Tensor const& values, SceneField const& field) const {
  std::vector<at::Tensor> components;
  for (auto const channel : field.channels) {
    auto array = channel < 0 ? at::zeros_like(values.select(0, 0)) : values.select(0, channel);
    array = array.permute({order_[0], order_[1], order_[2]});
    for (int64_t slot = 0; slot < 3; ++slot) {
      array = descends(grid_.axis(order_[static_cast<size_t>(slot)])) ? array.flip({slot}) : array;
    }
    components.push_back(array);
  }
  auto const joined = field.is_vector() ? at::stack(components, 3) : components.front();
  return joined.to(at::kCPU, stored_type(values.scalar_type())).contiguous();
}

Box Scene::box_in_scene(Box const& box) const {
  Box scene;
  for (size_t slot = 0; slot < 3; ++slot) {
    auto const a = static_cast<size_t>(order_[slot]);
    auto const& axis = grid_.axis(order_[slot]);
    scene.size[slot] = box.size[a];
    scene.first[slot] = descends(axis) ? axis.size() - box.first[a] - box.size[a] : box.first[a];
  }
  return scene;
}

void Scene::from_scene(at::Tensor const& array,
                       SceneField const& field,
                       at::Tensor const& out) const {
  for (size_t component = 0; component < field.channels.size(); ++component) {
    auto const channel = field.channels[component];
    if (channel < 0) {
      continue;
    }
    auto part = field.is_vector() ? array.select(3, static_cast<int64_t>(component)) : array;
    for (int64_t slot = 0; slot < 3; ++slot) {
      part = descends(grid_.axis(order_[static_cast<size_t>(slot)])) ? part.flip({slot}) : part;
    }
    out.select(0, channel).permute({order_[0], order_[1], order_[2]}).copy_(part);
  }
}

}  // namespace eddyline
