#include "surrogates/fno/divided_axis.hpp"

#include <utility>

#include <ATen/ATen.h>

namespace eddyline {
namespace {

constexpr int64_t kChannelAxis = 1, kModeAxis = 2, kCellAxis = 3;

int64_t own_of(Layout const& layout, AxisParts const& line) {
  return layout.sizes[static_cast<size_t>(line.rank)];
}

/// The layout of a tensor that has an axis of ranks in front.
Layout after_ranks(Layout layout) {
  ++layout.axis;
  return layout;
}

}  // namespace

DividedAxis::DividedAxis(
    ModeRoute route, AxisTransform transform, AxisParts line, int64_t before, Flight flight)
    : route_(route),
      transform_(std::move(transform)),
      line_(std::move(line)),
      before_(before),
      flight_(flight),
      cells_{.axis = kCellAxis, .sizes = line_.sizes},
      before_shares_{.axis = kModeAxis, .sizes = even_sizes(before, line_.ranks())},
      shares_{.axis = kModeAxis, .sizes = even_sizes(before * transform_.modes(), line_.ranks())},
      one_each_{.axis = 0, .sizes = even_sizes(line_.ranks(), line_.ranks())} {}

Layout DividedAxis::channels_of(at::Tensor const& x) const {
  return {.axis = kChannelAxis, .sizes = even_sizes(x.size(kChannelAxis), line_.ranks())};
}

at::Tensor DividedAxis::joined(at::Tensor const& x) const {
  return transform_.analyse(x, kCellAxis).flatten(kModeAxis, kCellAxis);
}

at::Tensor DividedAxis::parted(at::Tensor const& c, int64_t before) const {
  return transform_.synthesise(c.unflatten(kModeAxis, {before, transform_.modes()}), kCellAxis);
}

at::Tensor DividedAxis::moved(at::Tensor const& x, Layout const& from, Layout const& to) const {
  return Transposition(line_, from, to, flight_, "spectrum")(x);
}

at::Tensor DividedAxis::analyse(at::Tensor const& x) const {
  switch (route_) {
    case ModeRoute::modes:
      return joined(moved(x, cells_, before_shares_));
    case ModeRoute::channels: {
      auto const channels = channels_of(x);
      return moved(joined(moved(x, cells_, channels)), channels, shares_);
    }
    default:
      return moved(joined(x).unsqueeze(0), one_each_, after_ranks(shares_)).sum(0);
  }
}

at::Tensor DividedAxis::synthesise(at::Tensor const& c) const {
  switch (route_) {
    case ModeRoute::modes:
      return moved(parted(c, own_of(before_shares_, line_)), before_shares_, cells_);
    case ModeRoute::channels: {
      auto const channels = channels_of(c);
      return moved(parted(moved(c, shares_, channels), before_), channels, cells_);
    }
    default: {
      auto sizes = c.sizes().vec();
      sizes.insert(sizes.begin(), line_.ranks());  // the same to each rank
      return parted(moved(c.expand(sizes), after_ranks(shares_), one_each_).squeeze(0), before_);
    }
  }
}

at::Tensor DividedAxis::share_of(at::Tensor const& all) const {
  auto const part = [&](at::Tensor const& numbers, Layout const& shares) {
    return numbers.split_with_sizes(shares.sizes)[static_cast<size_t>(line_.rank)];
  };
  return route_ == ModeRoute::modes ? part(all, before_shares_).flatten()
                                    : part(all.flatten(), shares_);
}

}  // namespace eddyline
