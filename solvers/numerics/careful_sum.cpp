#include "solvers/numerics/careful_sum.hpp"

#include <vector>

namespace eddyline {

double sum_over_ranks(CarefulSum const& part, Communicator const& ranks) {
  if (ranks.size() == 1) {
    return part.value();
  }
  double const mine[2] = {part.high, part.low};
  std::vector<double> all(2 * static_cast<size_t>(ranks.size()));
  MPI_Allgather(mine, 2, MPI_DOUBLE, all.data(), 2, MPI_DOUBLE, ranks.handle());
  CarefulSum total;
  for (size_t i = 0; i < all.size(); i += 2) {
    total.add({all[i], all[i + 1]});
  }
  return total.value();
}

}  // namespace eddyline
