#pragma once

#include <map>
#include <memory>
#include <string>

#include "surrogates/checkpoints/pytorch_file.hpp"
#include "surrogates/morph/morph.hpp"
#include "tests/parity/reference.hpp"

namespace eddyline::parity {

/// The network of a fixture, without weights.
std::shared_ptr<Morph> make_morph(Reference const& reference,
                                  FineTune stage = FineTune::everything);
/// Copies the container's parameters into the network; every name and shape must agree.
void load_weights(Morph& morph, PytorchCheckpoint const& checkpoint);
/// make_morph and load_weights.
std::shared_ptr<Morph> load_morph(Reference const& reference,
                                  FineTune stage = FineTune::everything);

/// Evaluation mode, one row a sample.
Pass plain_pass(at::Tensor const& volume);

/// AdamW as the optimiser of the reference (decoupled decay; parameters without a gradient are left
/// alone altogether), written plainly so that nothing of ours is compared with itself.
class PlainAdamW {
 public:
  struct Setting {
    double rate = 1e-3;
    double decay = 0.01;
  };
  void set(std::string const& name, Setting setting) { settings_[name] = setting; }
  void restore(std::string const& name, std::map<std::string, at::Tensor> const& state);
  /// One step of every parameter that has a setting and a gradient; clears all gradients.
  void step(Morph& morph);

 private:
  struct State {
    double step = 0;
    at::Tensor mean, square;
  };
  std::map<std::string, Setting> settings_;
  std::map<std::string, State> states_;
};

/// mean((pred − target)²) before each of `steps` steps.
std::vector<double> train(Morph& morph,
                          PlainAdamW& optimizer,
                          Reference const& reference,
                          int64_t steps);

/// Compares one kind of data with the reference; each marks the data sets that it used.
void compare_outputs(Reference const& reference);
void compare_intermediates(Reference const& reference);
void compare_gradients(Reference const& reference);
void compare_missing_gradients(Reference const& reference);
void compare_training(Reference const& reference);
void compare_resumed_training(Reference const& reference);
void compare_fine_tuning(Reference const& reference);
void compare_rollout(Reference const& reference);

}  // namespace eddyline::parity
