#include "data/pipeline/mirror.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "core/random.hpp"

namespace eddyline {
namespace {

constexpr uint64_t kMirrorStream = 0x6d6972726f72;  // "mirror": apart from all other random streams

/// −1 for a component that points along the axis once: "x" of a vector, "xy" and "yx" of a tensor.
float sign_along(std::string const& axis, Field const& field, std::string const& component) {
  if (field.order == 1) {
    return component == axis ? -1.0F : 1.0F;
  }
  return field.order == 2 && component.starts_with(axis) != component.ends_with(axis) ? -1.0F
                                                                                      : 1.0F;
}

}  // namespace

Mirror::Mirror(std::vector<std::string> const& axes, Grid const& grid) {
  std::vector<std::string> known;
  for (auto const& axis : grid.axes()) {
    if (!axis.name.empty()) {
      known.push_back(axis.name);
    }
  }
  for (auto const& name : axes) {
    require(std::find(known.begin(), known.end(), name) != known.end(),
            "data.flips names the axis '",
            name,
            "', which the grid does not have",
            did_you_mean(name, known));
    for (size_t a = 0; a < grid.axes().size(); ++a) {
      auto const& axis = grid.axes()[a];
      if (axis.name != name) {
        continue;
      }
      require(axis.is_uniform() && axis.boundaries[0] == axis.boundaries[1],
              "data.flips names the axis '",
              name,
              "', along which the grid is not its own mirror image (",
              grid.describe(),
              "); leave it out");
      axes_.push_back(a);
    }
  }
}

std::vector<Flips> Mirror::draw(std::vector<int64_t> const& samples,
                                uint64_t seed,
                                int64_t epoch) const {
  std::vector<Flips> flips(samples.size(), Flips{});
  if (is_none() || samples.empty()) {
    return flips;
  }
  auto const numbers = at::empty({static_cast<int64_t>(samples.size()), 3}, at::kFloat);
  fill_uniform(numbers,
               {.seed = seed, .step = static_cast<uint64_t>(epoch), .layer = kMirrorStream},
               samples);
  auto const* number = numbers.const_data_ptr<float>();
  for (size_t i = 0; i < samples.size(); ++i) {
    for (auto const a : axes_) {
      flips[i][a] = number[3 * i + a] < 0.5F;
    }
  }
  return flips;
}

at::Tensor mirror_signs(FieldSet const& fields, Grid const& grid, Flips const& flips) {
  std::vector<float> signs;
  for (auto const& field : fields.fields()) {
    for (auto const& component : field.components) {
      signs.push_back(1);
      for (size_t a = 0; a < flips.size(); ++a) {
        if (flips[a]) {
          signs.back() *= sign_along(grid.axes()[a].name, field, component);
        }
      }
    }
  }
  return at::tensor(signs).view({-1, 1, 1, 1});
}

}  // namespace eddyline
