#include "data/formats/array_store.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {

std::vector<double> read_whole(ArraySource& source) {
  Hyperslab part;
  int64_t elements = 1;
  for (auto const size : source.shape()) {
    require(size <= int64_t{1} << 24 && elements * size <= int64_t{1} << 24,
            source.describe(),
            " has more than ",
            int64_t{1} << 24,
            " numbers, too many for times or coordinates");
    elements *= size;
    part.first.push_back(0);
    part.count.push_back(size);
  }
  std::vector<double> values(static_cast<size_t>(elements));
  if (elements > 0) {
    source.read(part, at::from_blob(values.data(), {elements}, at::kDouble));
  }
  return values;
}

}  // namespace eddyline
