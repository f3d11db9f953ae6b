#pragma once

#include <cstdint>
#include <vector>

namespace eddyline {

/// An axis of a sample: its cells, the modes that are kept of them, the ranks that share the cells.
struct ModeAxis {
  int64_t cells, modes;
  int ranks = 1;
};

/// How a rank comes by kept modes of an axis.
enum class ModeRoute {
  own,       ///< it has all cells
  modes,     ///< a transposition makes the axis whole and shares out the modes of axes before
  channels,  ///< one makes it whole and shares out channels, another these whole and the modes
  sums,      ///< its sums over its own cells go to the rank that gets the mode, which adds them up
};

struct ModeStep {
  size_t axis;
  ModeRoute route;
  bool operator==(ModeStep const&) const = default;
};

/// The order in which axes go from cells to kept modes, so that in the end each rank has a share of
/// the modes, of all channels; the way back is the reverse. Axes that a rank has whole come first,
/// the last of them before all: only what is kept of them travels. For the others, the order and
/// the routes in which the ranks send the fewest numbers. With n cells, m modes and P ranks of the
/// axis, R modes of the axes before and o own cells of the axes after on a rank, it sends of each
/// channel
///     modes     2 R n/P o (P−1)/P,  where R ≥ P,
///     channels  (s n/P + 2 m/P) R o (P−1)/P,  s = 1 for the first axis, whose cells are real, else
///     2, sums      2 R m o (P−1)/P,
/// and has R m/P modes then. So an axis is transposed where its cells on a rank are fewer than its
/// modes, which are few in all where P is small. The same on all ranks, of even shares.
std::vector<ModeStep> mode_order(std::vector<ModeAxis> const& axes);

/// Numbers that a rank sends of each channel one way, by the formula.
double numbers_sent(std::vector<ModeAxis> const& axes, std::vector<ModeStep> const& order);

}  // namespace eddyline
