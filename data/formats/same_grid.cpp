#include "data/formats/same_grid.hpp"

#include <cmath>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr double kCoordinateTolerance = 1e-3;  // of a cell

}  // namespace

void check_same_grid(Grid const& first, Grid const& next) {
  for (int i = 0; i < 3; ++i) {
    auto const& x = first.axis(i);
    auto const& y = next.axis(i);
    require(x.name == y.name && x.size() == y.size(),
            "its axis '",
            y.name,
            "' has ",
            y.size(),
            " points, '",
            x.name,
            "' of the first file has ",
            x.size());
    for (size_t k = 0; k < x.coordinates.size(); ++k) {
      require(std::abs(x.coordinates[k] - y.coordinates[k]) <=
                  kCoordinateTolerance * std::abs(x.spacing()),
              "coordinate ",
              k,
              " of axis '",
              y.name,
              "' is ",
              y.coordinates[k],
              ", that of the first file ",
              x.coordinates[k]);
    }
  }
}

}  // namespace eddyline
