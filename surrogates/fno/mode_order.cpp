#include "surrogates/fno/mode_order.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace eddyline {
namespace {

/// What a rank has between two steps, of each channel.
struct Held {
  double modes = 1, cells = 1;  ///< of axes that are done, and of those that are not
  bool is_real = true;
};

double sent_by(ModeRoute route, ModeAxis const& axis, Held const& held) {
  auto const ranks = static_cast<double>(axis.ranks);
  auto const kept = static_cast<double>(axis.modes);
  auto const own = static_cast<double>(axis.cells) / ranks;
  auto const lines = held.modes * held.cells / own * (ranks - 1) / ranks;
  switch (route) {
    case ModeRoute::modes:
      return held.modes >= ranks ? 2 * own * lines : std::numeric_limits<double>::infinity();
    case ModeRoute::channels:
      return ((held.is_real ? 1 : 2) * own + 2 * kept / ranks) * lines;
    case ModeRoute::sums:
      return 2 * kept * lines;
    case ModeRoute::own:
      break;
  }
  return 0;
}

void take(ModeAxis const& axis, Held& held) {
  held.modes *= static_cast<double>(axis.modes) / axis.ranks;
  held.cells /= static_cast<double>(axis.cells) / axis.ranks;
  held.is_real = false;
}

Held before_all(std::vector<ModeAxis> const& axes) {
  Held held;
  for (auto const& axis : axes) {
    held.cells *= static_cast<double>(axis.cells) / axis.ranks;
  }
  return held;
}

/// The best route of each axis in this order.
std::vector<ModeStep> with_routes(std::vector<ModeAxis> const& axes,
                                  std::vector<size_t> const& order) {
  constexpr std::array kRoutes = {ModeRoute::modes, ModeRoute::channels, ModeRoute::sums};
  std::vector<ModeStep> steps;
  auto held = before_all(axes);
  for (auto const a : order) {
    auto const best = std::ranges::min(
        kRoutes, {}, [&](ModeRoute route) { return sent_by(route, axes[a], held); });
    steps.push_back({.axis = a, .route = axes[a].ranks > 1 ? best : ModeRoute::own});
    take(axes[a], held);
  }
  return steps;
}

}  // namespace

double numbers_sent(std::vector<ModeAxis> const& axes, std::vector<ModeStep> const& order) {
  double sent = 0;
  auto held = before_all(axes);
  for (auto const& step : order) {
    sent += sent_by(step.route, axes[step.axis], held);
    take(axes[step.axis], held);
  }
  return sent;
}

std::vector<ModeStep> mode_order(std::vector<ModeAxis> const& axes) {
  std::vector<size_t> whole, divided;
  for (size_t a = 0; a < axes.size(); ++a) {
    (axes[a].ranks > 1 ? divided : whole).push_back(a);
  }
  std::ranges::reverse(whole);
  std::vector<ModeStep> best;
  do {
    auto order = whole;
    order.insert(order.end(), divided.begin(), divided.end());
    auto const steps = with_routes(axes, order);
    if (best.empty() || numbers_sent(axes, steps) < numbers_sent(axes, best)) {
      best = steps;
    }
  } while (std::ranges::next_permutation(divided).found);
  return best;
}

}  // namespace eddyline
