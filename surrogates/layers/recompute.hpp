#pragma once

#include <functional>
#include <vector>

#include <torch/nn/module.h>

#include "surrogates/layers/pass.hpp"

namespace eddyline {

/// A part of a network as a function of its tensors. It owns what it captures and changes nothing
/// outside, since a backward pass may evaluate it a second time.
using Segment = std::function<at::Tensor(std::vector<at::Tensor> const& inputs)>;

/// segment(inputs). Where the pass says Activations::recompute and gradients are wanted, nothing
/// inside the segment is kept for the backward pass, which evaluates it again from its inputs:
/// memory for time. Dropout masks are the same then, since they are keyed.
///
/// The graph sees one node with an edge to every parameter, which gets its gradient once, so that a
/// c10d::Reducer counts it as without; a parameter that the segment does not use gets none. Second
/// derivatives are not there.
/// Source: Chen et al. 2016, "Training deep nets with sublinear memory cost", arXiv 1604.06174.
///
/// \param module  holds all parameters that the segment uses; what else needs a gradient is an
///                input
at::Tensor run_segment(Pass const& pass,
                       torch::nn::Module const& module,
                       std::vector<at::Tensor> const& inputs,
                       Segment segment);

}  // namespace eddyline
