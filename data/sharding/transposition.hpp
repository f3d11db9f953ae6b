#pragma once

#include <memory>

#include <ATen/core/Tensor.h>

#include "data/sharding/sharding.hpp"

namespace eddyline {

/// Where a tensor lies on the ranks of a group: one axis is divided among them, in rank order, all
/// others are whole.
struct Layout {
  int64_t axis;                ///< of the tensor
  std::vector<int64_t> sizes;  ///< of each rank's piece; may be 0

  bool operator==(Layout const&) const = default;
};

/// A change of layout: `from.axis` becomes whole, `to.axis` is divided, by one all-to-all in which
/// a rank of P sends (P−1)/P of its block. Differentiable: the gradient goes the way back.
class Transposition {
 public:
  /// \param line  ranks; its sizes are of no account
  /// \param kind  of the traffic, as the counters call it: a literal
  /// \throw Bug   if the layouts divide the same axis or have other numbers of pieces than ranks
  Transposition(
      AxisParts const& line, Layout from, Layout to, Flight flight, char const* kind = "attention");

  /// \param x  this rank's piece in layout `from`, complex numbers too
  /// \return   this rank's piece in layout `to`, contiguous
  /// \throw Bug  if x does not fit
  at::Tensor operator()(at::Tensor const& x) const;

  /// A tensor on its way; what is computed between begin() and finish() hides it, and what is
  /// computed backwards between them hides the gradient's way.
  class Pending {
   public:
    /// Waits for it. Once.
    at::Tensor finish() const;

   private:
    friend class Transposition;
    struct Journey;
    std::shared_ptr<Journey> journey_;
    at::Tensor token_;  ///< holds the place of the tensor in the graph
  };
  /// \param x  as above, real
  Pending begin(at::Tensor const& x) const;

 private:
  AxisParts line_;
  Layout from_, to_;
  Flight flight_;
  char const* kind_;
};

}  // namespace eddyline
