#include "core/rank_boxes.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr size_t kMostShown = 5;

std::vector<int> divisors_of(int number) {
  std::vector<int> found;
  for (int d = 1; d <= number; ++d) {
    if (number % d == 0) {
      found.push_back(d);
    }
  }
  return found;
}

double ratio(RankBox const& a, RankBox const& b) {
  double product = 1;
  for (size_t i = 0; i < 3; ++i) {
    auto const [less, more] = std::minmax({std::max(1, a[i]), std::max(1, b[i])});
    product *= static_cast<double>(more) / less;
  }
  return product;
}

}  // namespace

std::vector<RankBox> boxes_of(int ranks) {
  std::vector<RankBox> boxes;
  for (auto const d : divisors_of(ranks)) {
    for (auto const h : divisors_of(ranks / d)) {
      boxes.push_back({d, h, ranks / d / h});
    }
  }
  return boxes;
}

std::vector<RankBox> boxes_dividing(int ranks) {
  std::vector<RankBox> boxes;
  for (auto const d : divisors_of(ranks)) {
    for (auto const h : divisors_of(ranks / d)) {
      for (auto const w : divisors_of(ranks / d / h)) {
        boxes.push_back({d, h, w});
      }
    }
  }
  return boxes;
}

std::string nearest_boxes(std::vector<RankBox> boxes, RankBox const& wanted) {
  std::ranges::stable_sort(boxes, {}, [&](auto const& box) { return ratio(box, wanted); });
  boxes.resize(std::min(boxes.size(), kMostShown));
  std::string text;
  for (auto const& [d, h, w] : boxes) {
    text += concat(text.empty() ? "[" : ", [", d, ", ", h, ", ", w, "]");
  }
  return text;
}

}  // namespace eddyline
