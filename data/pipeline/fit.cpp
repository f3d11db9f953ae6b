#include "data/pipeline/fit.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/sharding/collectives.hpp"

namespace eddyline {
namespace {

constexpr int64_t kPatchesNamed = 8;  // enough to choose from, short enough for one line

/// "1, 2, 4, 5, 10": the patches up to half of `size` that divide it.
std::string divisors(int64_t size) {
  std::vector<int64_t> found;
  for (int64_t d = 1; d <= size / 2 && static_cast<int64_t>(found.size()) < kPatchesNamed; ++d) {
    if (size % d == 0) {
      found.push_back(d);
    }
  }
  found.push_back(size);
  return concat(found);
}

std::string name_of(Axis const& axis, size_t index) {
  return axis.name.empty() ? concat("axis ", "DHW"[index])
                           : concat("axis ", "DHW"[index], " ('", axis.name, "')");
}

void refuse(Axis const& axis, size_t index, int64_t patch) {
  auto const size = axis.size();
  auto const down = size / patch * patch;
  auto const crop = down > 0 ? concat("data.fit=crop (keeps ", down, ") or ") : std::string();
  throw Error(concat(name_of(axis, index),
                     " has ",
                     size,
                     " points, not a multiple of patch ",
                     patch,
                     "; set the model's patch there to one of ",
                     divisors(size),
                     ", or use ",
                     crop,
                     "data.fit=pad (makes ",
                     down + patch,
                     ")"));
}

/// Longer by `low` and `high` points at the distance of the outermost neighbours.
Axis extended(Axis const& axis, int64_t low, int64_t high) {
  auto longer = axis;
  auto const& x = axis.coordinates;
  auto const first_step = x[1] - x[0];
  auto const last_step = x.back() - x[x.size() - 2];
  longer.coordinates.clear();
  for (int64_t i = -low; i < 0; ++i) {
    longer.coordinates.push_back(x.front() + static_cast<double>(i) * first_step);
  }
  longer.coordinates.insert(longer.coordinates.end(), x.begin(), x.end());
  for (int64_t i = 1; i <= high; ++i) {
    longer.coordinates.push_back(x.back() + static_cast<double>(i) * last_step);
  }
  longer.edges.clear();
  longer.boundaries = {low > 0 ? Boundary::open : axis.boundaries[0],
                       high > 0 ? Boundary::open : axis.boundaries[1]};
  if (axis.is_periodic()) {
    longer.boundaries = {Boundary::open, Boundary::open};
  }
  return longer;
}

}  // namespace

Fit::Fit(Grid grid, std::array<int64_t, 3> patch, FitMode mode)
    : original_(std::move(grid)),
      fitted_(original_),
      source_{.first = {0, 0, 0}, .size = original_.shape()},
      mode_(mode) {
  for (size_t a = 0; a < 3; ++a) {
    require(patch[a] >= 1,
            "a patch of ",
            patch[a],
            " cells on axis ",
            "DHW"[a],
            " is none; give at least 1");
    auto const size = source_.size[a];
    auto const excess = size % patch[a];
    if (size == 1 || excess == 0) {
      continue;
    }
    if (mode == FitMode::exact || (mode == FitMode::crop && size < patch[a])) {
      refuse(original_.axis(static_cast<int>(a)), a, patch[a]);
    }
    if (mode == FitMode::crop) {
      source_.first[a] = excess / 2;
      source_.size[a] = size - excess;
    } else {
      low_[a] = (patch[a] - excess) / 2;
      high_[a] = patch[a] - excess - low_[a];
    }
  }
  fitted_ = source_grid();
  if (mode == FitMode::pad) {
    std::vector<Axis> axes;
    for (size_t a = 3 - static_cast<size_t>(original_.dimensions()); a < 3; ++a) {
      auto const& axis = original_.axes()[a];
      axes.push_back(low_[a] + high_[a] > 0 ? extended(axis, low_[a], high_[a]) : axis);
    }
    fitted_ = Grid(std::move(axes), original_.geometry());
  }
}

Grid Fit::source_grid() const {
  return original_.crop(source_.first, source_.size);
}

Fit Fit::divided(std::shared_ptr<Sharding const> const& sharding) const {
  auto fit = *this;
  fit.sharding_ = sharding;
  fit.source_sharding_ =
      adds_cells()
          ? std::make_shared<Sharding const>(sharding->part({.first = low_, .size = source_.size}))
          : sharding;
  return fit;
}

Box Fit::own_box() const {
  return sharding_ ? sharding_->block().box : Box{.first = {0, 0, 0}, .size = fitted_.shape()};
}

CellNumbers Fit::shown_cells(Flips const& flips) const {
  auto const own = own_box();
  CellNumbers cells;
  for (size_t a = 0; a < 3; ++a) {
    auto const size = source_.size[a];
    bool const is_periodic = original_.axes()[a].is_periodic();
    for (auto i = own.first[a]; i < own.first[a] + own.size[a]; ++i) {
      auto const place = i - low_[a];
      auto const cell =
          is_periodic ? (place % size + size) % size : std::clamp<int64_t>(place, 0, size - 1);
      cells[a].push_back(source_.first[a] + (flips[a] ? size - 1 - cell : cell));
    }
  }
  return cells;
}

at::Tensor Fit::apply(at::Tensor const& values) const {
  for (size_t a = 0; a < 3; ++a) {
    auto const dim = values.dim() - 3 + static_cast<int64_t>(a);
    EDDYLINE_ENSURE(
        values.size(dim) == original_.shape()[a], "axis ", a, " has ", values.size(dim));
  }
  return take_cells(values, shown_cells());
}

at::Tensor Fit::undo(at::Tensor const& values) const {
  auto const own = own_box();
  auto inner = values;
  for (size_t a = 0; a < 3; ++a) {
    auto const dim = values.dim() - 3 + static_cast<int64_t>(a);
    EDDYLINE_ENSURE(values.size(dim) == own.size[a], "axis ", a, " has ", values.size(dim));
    auto const first = std::max(own.first[a], low_[a]);
    auto const end = std::min(own.first[a] + own.size[a], low_[a] + source_.size[a]);
    inner = inner.narrow(dim, first - own.first[a], end - first);
  }
  return inner;
}

at::Tensor Fit::renew(at::Tensor const& values) const {
  if (!adds_cells()) {
    return values;
  }
  if (!sharding_) {
    return apply(undo(values));
  }
  auto const own = own_box();
  auto renewed = undo(values);
  for (size_t a = 0; a < 3; ++a) {
    if (low_[a] + high_[a] == 0) {
      continue;
    }
    auto const dim = values.dim() - 3 + static_cast<int64_t>(a);
    auto const& parts = source_sharding_->axis(a);
    auto const border = original_.axes()[a].is_periodic() ? Border::periodic : Border::replicate;
    // Ranks inside get layers of their neighbours too, which are no added cells.
    renewed = with_halo(renewed, dim, parts, {low_[a], high_[a]}, border)
                  .narrow(dim, own.first[a] - parts.first(), own.size[a]);
  }
  return renewed;
}

at::Tensor Fit::mask() const {
  auto const own = own_box().size;
  auto mask = at::zeros({own[0], own[1], own[2]}, at::kFloat);
  undo(mask).fill_(1);
  return mask;
}

std::string Fit::describe() const {
  std::string text;
  for (size_t a = 0; a < 3; ++a) {
    auto const before = original_.shape()[a];
    auto const after = fitted_.shape()[a];
    if (before != after) {
      text += concat(text.empty() ? "" : ", ", "DHW"[a], " ", before, " → ", after);
      text += after < before ? concat(" (cells ",
                                      source_.first[a],
                                      " to ",
                                      source_.first[a] + source_.size[a] - 1,
                                      " used)")
                             : concat(" (", low_[a], " + ", high_[a], " cells added)");
    }
  }
  return text.empty() ? "as it is" : text;
}

nlohmann::json Fit::to_json() const {
  return {{"mode", enum_name(mode_)},
          {"original", original_.shape()},
          {"first", source_.first},
          {"size", source_.size},
          {"added_low", low_},
          {"added_high", high_}};
}

}  // namespace eddyline
