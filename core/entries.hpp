#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace eddyline {

/// True if there is a number, and each is one more than that before it.
bool is_run(std::vector<int64_t> const& numbers);

/// The entries of `axis` with those numbers, in their order and as often as they come: a view where
/// the numbers follow each other, or where there are none; else a copy, for which a GPU does not
/// let the host wait.
at::Tensor take_entries(at::Tensor const& values,
                        int64_t axis,
                        std::vector<int64_t> const& numbers);

}  // namespace eddyline
