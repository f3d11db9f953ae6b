#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/sharding/transposition.hpp"
#include "surrogates/layers/pass.hpp"

namespace eddyline {

/// The tokens (B, t, D, H, W) that a rank holds of samples that are split: their numbers in the
/// whole sample, counted as one rank would count its own.
class TokenRange {
 public:
  /// Axes of the numbers, in order.
  enum Axis : size_t { time, depth, height, width };

  TokenRange(std::vector<int64_t> samples, int64_t frames, Sharding const& tokens);
  /// All tokens of an axis, whoever holds them.
  TokenRange whole(size_t axis) const;
  /// Lines along an axis in place of tokens.
  TokenRange without(size_t axis) const;

  /// (B, t, D, H, W) int64; length 1 on an axis that was taken out.
  at::Tensor numbers() const;
  at::Tensor samples() const;
  /// Rows of these tokens one after another.
  RowPlaces places() const;

 private:
  std::vector<int64_t> samples_;
  std::array<int64_t, 4> all_, first_, own_;
};

/// \param samples  of each row; \param numbers  the same shape
RowPlaces row_places(at::Tensor const& samples, at::Tensor const& numbers);
/// For tensors with `heads` rows a line: attention scores.
RowPlaces score_places(at::Tensor const& samples, at::Tensor const& numbers, int64_t heads);

/// Tokens in lines along an axis that is divided among ranks: each rank of the line gets some of
/// the lines whole, works on them, and gives them back. A rank sends (P−1)/P of its block each way.
class SplitLines {
 public:
  /// \param line   the ranks along the axis
  /// \param axis   of the block; the last axis holds features
  /// \param sizes  of this rank's block
  SplitLines(AxisParts const& line, int64_t axis, at::IntArrayRef sizes, Flight flight);

  /// Sends the block (…, length, …, E) on its way; finish() gives (L, lines, E): whole lines, in
  /// the order of the block's other axes; possibly none.
  Transposition::Pending begin(at::Tensor const& block) const;
  /// Sends whole lines (L, lines, E') on their way back, for finished().
  Transposition::Pending begin_back(at::Tensor const& lines) const;
  /// What came back as the block (…, length, …, E').
  at::Tensor finished(Transposition::Pending const& back) const;

  /// Numbers of the lines of this rank among the block's: [first, first + count).
  int64_t first_line() const;
  int64_t lines() const;

 private:
  AxisParts line_;
  int64_t axis_;
  std::vector<int64_t> moved_;  ///< sizes of the block, its axis in front, without features
  Layout blocks_, whole_;
  Flight flight_;
};

}  // namespace eddyline
