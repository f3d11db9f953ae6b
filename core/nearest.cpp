#include "core/nearest.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace eddyline {

int edit_distance(std::string const& a, std::string const& b) {
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    row[j] = static_cast<int>(j);
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      int const above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string did_you_mean(std::string const& name, std::vector<std::string> const& known) {
  if (known.empty()) {
    return "; none is known";
  }
  auto const nearest =
      std::min_element(known.begin(), known.end(), [&](auto const& a, auto const& b) {
        return edit_distance(name, a) < edit_distance(name, b);
      });
  return concat("; did you mean '", *nearest, "'? known: ", known);
}

}  // namespace eddyline
