#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "surrogates/checkpoints/pytorch_file.hpp"
#include "tests/parity/reference.hpp"

namespace eddyline::parity {

/// What the tests of all networks do with the parameters of one.

/// Copies the container's parameters into the network: as many, in the same order, with the same
/// names and shapes. What the network holds as a buffer is copied there; all its buffers must be in
/// the container.
void load_weights(torch::nn::Module& network, PytorchCheckpoint const& checkpoint);

/// Most that float32 may differ, relative, where rounding carries a value of one of some hundred
/// thousand cells across a kink: LeakyReLU's slope at 0 jumps.
constexpr double kKink = 1e-2;

/// Tolerance and exceptions of a comparison of gradients.
struct GradientRule {
  double tolerance = 1e-4;  ///< relative to the largest element
  /// The parameter whose gradient gives the scale instead of a parameter's own: for gradients that
  /// are zero but for round-off.
  std::function<std::string(std::string const& name)> scale_of;
  /// Of networks with kinks: a parameter's gradient in float64, asked for where that in float32 is
  /// beyond the tolerance by no more than a kink. Processors round in other orders.
  std::function<at::Tensor(std::string const& name)> exact;
};
/// Compares the gradients that the network holds with the data sets `grad/<parameter>`.
void compare_gradients(Reference const& reference,
                       torch::nn::Module const& network,
                       GradientRule const& rule);

/// Every parameter's slope against central differences of `loss` (network and input in float64), in
/// a direction between the gradient's own and a random one: along the first a wrong size or sign
/// shows, along the second what the gradient lacks. A parameter without gradient must have slope 0.
/// \param tolerance  relative to the slope, however small the parameter's share of the loss is
void compare_directions(Reference const& reference,
                        torch::nn::Module& network,
                        std::function<at::Tensor()> const& loss,
                        double tolerance);

/// Compares losses of training steps with the data set `name`, relative.
void compare_losses(Reference const& reference,
                    std::string const& name,
                    std::vector<double> const& losses,
                    double tolerance);

/// AdamW as the optimiser of the reference (decoupled decay; parameters without a gradient are left
/// alone altogether), written plainly so that nothing of ours is compared with itself.
class PlainAdamW {
 public:
  struct Setting {
    double rate = 1e-3;
    double decay = 0.01;
    double beta1 = 0.9, beta2 = 0.999;
  };
  PlainAdamW() = default;
  /// The same setting for every parameter.
  PlainAdamW(torch::nn::Module const& network, Setting const& setting);
  void set(std::string const& name, Setting const& setting) { settings_[name] = setting; }
  void restore(std::string const& name, std::map<std::string, at::Tensor> const& state);
  /// One step of every parameter that has a setting and a gradient; clears all gradients.
  void step(torch::nn::Module& network);

 private:
  struct State {
    double step = 0;
    at::Tensor mean, square;
  };
  std::map<std::string, Setting> settings_;
  std::map<std::string, State> states_;
};

/// The loss before each of `steps` steps.
std::vector<double> train(torch::nn::Module& network,
                          PlainAdamW& optimizer,
                          std::function<at::Tensor()> const& loss,
                          int64_t steps);

}  // namespace eddyline::parity
