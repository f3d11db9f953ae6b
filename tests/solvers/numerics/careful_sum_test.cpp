#include "solvers/numerics/careful_sum.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "solvers/numerics/numpy_random.hpp"

namespace eddyline {
namespace {

TEST(CarefulSum, KeepsWhatRoundingWouldLose) {
  CarefulSum sum;
  for (double const term : {1e100, 1.0, -1e100}) {
    sum.add(term);
  }
  EXPECT_EQ(sum.value(), 1.0);  // plain addition gives 0
}

TEST(CarefulSum, ShowsWhatIsNotFinite) {
  CarefulSum infinite;
  infinite.add(1.0);
  infinite.add(std::numeric_limits<double>::infinity());
  infinite.add(1.0);
  EXPECT_EQ(infinite.value(), std::numeric_limits<double>::infinity());
  CarefulSum undefined;
  undefined.add(std::numeric_limits<double>::quiet_NaN());
  EXPECT_TRUE(std::isnan(undefined.value()));
}

TEST(CarefulSum, DoesNotDependOnTheOrderOfItsTerms) {
  std::vector<double> terms(10000);
  NumpyGenerator(1).fill_standard_normal(terms);
  CarefulSum forwards;
  CarefulSum backwards;
  for (size_t i = 0; i < terms.size(); ++i) {
    forwards.add(terms[i] * terms[i]);
    backwards.add(terms[terms.size() - 1 - i] * terms[terms.size() - 1 - i]);
  }
  EXPECT_EQ(forwards.value(), backwards.value());
}

TEST(CarefulSum, IsTheSameOverAnyNumberOfRanks) {
  auto const world = Communicator::world();
  std::vector<double> terms(1001);
  NumpyGenerator(2).fill_standard_normal(terms);
  CarefulSum whole;
  CarefulSum part;
  for (size_t i = 0; i < terms.size(); ++i) {
    whole.add(terms[i]);
    if (static_cast<int>(i) % world.size() == world.rank()) {
      part.add(terms[i]);
    }
  }
  EXPECT_EQ(sum_over_ranks(part, world), whole.value());
}

}  // namespace
}  // namespace eddyline
