#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "core/random.hpp"
#include "data/batch.hpp"

namespace eddyline {

/// Arithmetic of the matrix products; parameters and reductions stay float32.
enum class Precision { fp32, bf16 };

/// What becomes of the values inside a network's blocks until the backward pass.
enum class Activations {
  keep,
  recompute,  ///< only what enters a block is kept; the rest is computed again
};

/// What a network may know of the run beyond its batch.
struct Context {
  RandomKey random;  ///< seed and step: keys of dropout masks
  Precision precision = Precision::fp32;
  Activations activations = Activations::keep;  ///< networks without blocks keep them
};

/// Parameters that one optimiser setting applies to.
struct ParameterGroup {
  std::string name;
  std::vector<std::string> parameters;  ///< keys of named_parameters()
  double learning_rate_scale = 1;       ///< times the schedule's rate
  double weight_decay = -1;             ///< -1: the trainer's
};

/// A network's second form, for forecasts alone: weights folded and laid out for the processor,
/// nothing computed that the prediction does not need. It is never saved and does not change when
/// the network it came from does.
class FrozenSurrogate {
 public:
  virtual ~FrozenSurrogate() = default;
  /// As Surrogate::predict, without dropout and gradients. Call it where gradients are off.
  virtual at::Tensor predict(Batch const& batch) const = 0;
};

/// A learned map from a window of frames to the next ones. Dropout is on while is_training().
/// Members carry upstream's names, since they are the keys of its checkpoints.
class Surrogate : public torch::nn::Module {
 public:
  using torch::nn::Module::Module;

  /// \param batch  normalised input; other parts as the network needs
  /// \return       the next frames, normalised like batch.target: (B, To, Co, D', H', W')
  /// \throw Error  if the batch does not fit the configuration, naming what would
  virtual at::Tensor predict(Batch const& batch, Context const& context) = 0;
  /// Groups for the optimiser; parameters in no group are frozen.
  virtual std::vector<ParameterGroup> parameter_groups() const;
  /// The form for forecasts with matrix products in `precision`, equal to predict() up to rounding.
  /// \return  nullptr if the network has none: predict() is used
  virtual std::unique_ptr<FrozenSurrogate const> freeze(Precision precision) const;
  /// The configuration as YAML text: with the registry's name it makes the same network again.
  virtual std::string config() const = 0;
  /// Input frames.
  virtual int64_t history() const = 0;
  /// Cells on D, H, W must be 1 or multiples of these.
  virtual std::array<int64_t, 3> patch() const = 0;
};

}  // namespace eddyline
