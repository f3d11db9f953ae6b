#pragma once

#include <cstdint>
#include <vector>

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

namespace eddyline {

/// An axis divided over the ranks of a group: neighbouring pieces in rank order.
struct AxisParts {
  c10::intrusive_ptr<c10d::ProcessGroup> group;  ///< null: one rank holds the whole axis
  std::vector<int64_t> sizes;                    ///< of each rank's piece
  int rank = 0;                                  ///< in the group

  int ranks() const { return static_cast<int>(sizes.size()); }
  bool is_divided() const { return sizes.size() > 1; }
  int64_t first(int of) const;  ///< start of a rank's piece
  int64_t first() const { return first(rank); }
  int64_t own() const { return sizes[static_cast<size_t>(rank)]; }
  int64_t total() const { return first(ranks()); }
};

/// `length` in pieces that differ by at most one, the longer first.
std::vector<int64_t> even_sizes(int64_t length, int ranks);

}  // namespace eddyline
