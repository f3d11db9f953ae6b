#pragma once

#include <array>
#include <string>
#include <vector>

namespace eddyline {

/// Ranks on D, H, W that share a grid.
using RankBox = std::array<int, 3>;

/// Every box of `ranks` ranks, from (1, 1, ranks) to (ranks, 1, 1).
std::vector<RankBox> boxes_of(int ranks);
/// Every box whose ranks divide `ranks`, in the same order.
std::vector<RankBox> boxes_dividing(int ranks);

/// Those of `boxes` that are nearest to `wanted` by the ratios of their numbers, five at most, for
/// a message: "[1, 2, 2], [2, 1, 2]".
std::string nearest_boxes(std::vector<RankBox> boxes, RankBox const& wanted);

}  // namespace eddyline
