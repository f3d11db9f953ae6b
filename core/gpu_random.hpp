#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

namespace eddyline {

/// Uniform numbers of the streams of core/random.hpp by one kernel on a GPU, which LibTorch's own
/// compiler of elementwise operations makes at the first call: their ten rounds of integer
/// arithmetic are some 130 launches otherwise.
/// \param key      words of the random key
/// \param indices  of the samples, one a row
/// \param length   numbers of a row
/// \return  (rows, length) float32 in [0, 1), bit for bit those of the processor; none where this
///          LibTorch cannot compile: a warning says, once a process, why
std::optional<at::Tensor> uniform_by_kernel(std::array<uint32_t, 2> const& key,
                                            std::vector<int64_t> const& indices,
                                            int64_t length,
                                            at::Device gpu);

}  // namespace eddyline
