#pragma once

#include <functional>

#include <ATen/core/Tensor.h>

namespace eddyline {

/// A linear map of tensors, such as an exchange between ranks.
using TensorMap = std::function<at::Tensor(at::Tensor const&)>;

/// apply(x), whose gradient is `adjoint` of the gradient of the result. Both are called with
/// gradients off; second derivatives are not there. All ranks call in the same order, and so do
/// their backward passes, since their graphs are alike.
at::Tensor exchange(at::Tensor const& x, TensorMap const& apply, TensorMap const& adjoint);

}  // namespace eddyline
