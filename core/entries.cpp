#include "core/entries.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/transfer.hpp"

namespace eddyline {

bool is_run(std::vector<int64_t> const& numbers) {
  auto const is_jump = [](int64_t a, int64_t b) { return b != a + 1; };
  return !numbers.empty() && std::ranges::adjacent_find(numbers, is_jump) == numbers.end();
}

at::Tensor take_entries(at::Tensor const& values,
                        int64_t axis,
                        std::vector<int64_t> const& numbers) {
  if (numbers.empty() || is_run(numbers)) {
    return values.narrow(
        axis, numbers.empty() ? 0 : numbers.front(), static_cast<int64_t>(numbers.size()));
  }
  return values.index_select(axis, sent(at::tensor(numbers, at::kLong), values.device()));
}

}  // namespace eddyline
