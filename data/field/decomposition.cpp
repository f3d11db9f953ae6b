#include "data/field/decomposition.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/rank_boxes.hpp"

namespace eddyline {
namespace {

constexpr double kSurfaceTie = 1e-9;  // float64 round-off

/// Parts of an axis of `units` equal pieces that work: 1 … units.
std::string allowed_parts(int64_t units) {
  return units == 1 ? "1" : concat("1 to ", units);
}

/// Those of `ranks` ranks that leave each one of the units.
std::vector<RankBox> fitting_boxes(int ranks, std::array<int64_t, 3> const& units) {
  auto boxes = boxes_of(ranks);
  std::erase_if(boxes, [&](auto const& box) {
    return box[0] > units[0] || box[1] > units[1] || box[2] > units[2];
  });
  return boxes;
}

/// The splits that work nearest to `parts`: over as many ranks or, where there is none, over the
/// most that divide them.
std::string working_splits(RankBox const& parts, std::array<int64_t, 3> const& units) {
  auto const wanted = std::max(1, parts[0]) * std::max(1, parts[1]) * std::max(1, parts[2]);
  auto ranks = wanted;
  while (wanted % ranks != 0 || fitting_boxes(ranks, units).empty()) {
    --ranks;
  }
  return concat("splits over ",
                ranks,
                ranks == 1 ? " rank: " : " ranks: ",
                nearest_boxes(fitting_boxes(ranks, units), parts));
}

}  // namespace

Decomposition::Decomposition(std::array<int64_t, 3> shape,
                             std::array<int, 3> parts,
                             std::array<int64_t, 3> align)
    : shape_(shape), parts_(parts) {
  std::array<int64_t, 3> units{};
  for (size_t a = 0; a < 3; ++a) {
    units[a] = (shape[a] + align[a] - 1) / align[a];
  }
  for (size_t a = 0; a < 3; ++a) {
    if (parts[a] < 1 || parts[a] > units[a]) {
      throw Error(concat("axis ",
                         "DHW"[a],
                         " of ",
                         shape[a],
                         " cells in units of ",
                         align[a],
                         " cannot be split over ",
                         parts[a],
                         " ranks; allowed: ",
                         allowed_parts(units[a]),
                         "; ",
                         working_splits(parts, units)));
    }
    for (int i = 0; i <= parts[a]; ++i) {
      auto const start = units[a] / parts[a] * i + std::min<int64_t>(i, units[a] % parts[a]);
      starts_[a].push_back(std::min(start * align[a], shape[a]));
    }
  }
}

Block Decomposition::block(int rank) const {
  EDDYLINE_ENSURE(rank >= 0 && rank < ranks(), "rank ", rank);
  Block block{.global = shape_, .parts = parts_};
  block.position = {rank / (parts_[1] * parts_[2]), rank / parts_[2] % parts_[1], rank % parts_[2]};
  for (size_t a = 0; a < 3; ++a) {
    auto const at = static_cast<size_t>(block.position[a]);
    block.box.first[a] = starts_[a][at];
    block.box.size[a] = starts_[a][at + 1] - starts_[a][at];
  }
  return block;
}

int Decomposition::rank_at(std::array<int, 3> position) const {
  for (size_t a = 0; a < 3; ++a) {
    if (position[a] < 0 || position[a] >= parts_[a]) {
      return -1;
    }
  }
  return (position[0] * parts_[1] + position[1]) * parts_[2] + position[2];
}

std::array<int, 3> Decomposition::balanced_parts(std::array<int64_t, 3> shape, int ranks) {
  std::array<int, 3> best = {1, 1, 1};
  auto best_surface = std::numeric_limits<double>::max();
  for (auto const& box : fitting_boxes(ranks, shape)) {
    auto const [d, h, w] = box;
    double const b[3] = {double(shape[0]) / d, double(shape[1]) / h, double(shape[2]) / w};
    double const surface = (d > 1) * b[1] * b[2] + (h > 1) * b[0] * b[2] + (w > 1) * b[0] * b[1];
    // Of equal surfaces the one nearest to cubes, whose messages are alike.
    int const most = std::max({d, h, w});
    bool const ties = std::abs(surface - best_surface) <= kSurfaceTie * surface;
    if (ties ? most < *std::max_element(best.begin(), best.end()) : surface < best_surface) {
      best_surface = surface;
      best = box;
    }
  }
  if (best[0] * best[1] * best[2] != ranks) {
    auto fewer = ranks - 1;
    while (fitting_boxes(fewer, shape).empty()) {
      --fewer;
    }
    throw Error(concat("a grid of ",
                       shape[0],
                       " × ",
                       shape[1],
                       " × ",
                       shape[2],
                       " cells cannot be split over ",
                       ranks,
                       " ranks; use ",
                       fewer,
                       " or another number that fits"));
  }
  return best;
}

Block whole_block(std::array<int64_t, 3> shape) {
  return Block{.box = {.first = {0, 0, 0}, .size = shape}, .global = shape};
}

}  // namespace eddyline
