#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "surrogates/surrogate.hpp"

namespace eddyline {

/// `train.adapt`: what of a network learns when it is fine-tuned; the rest is frozen.
struct AdaptConfig {
  int64_t rank = 8;
  std::optional<double> alpha;
  std::vector<std::string> layers;
  std::vector<std::string> train;

  /// Neither key is given: the network is trained as its own groups say.
  bool is_active() const { return !layers.empty() || !train.empty(); }
  /// Factor of the update.
  double scale() const {
    auto const r = static_cast<double>(rank);
    return alpha.value_or(2 * r) / r;
  }

  template <class Visitor>
  void visit(Visitor&& v) {
    v("rank", rank, "rank of the updates; >= 1, and no larger than a side of a weight");
    v("alpha", alpha, "an update is alpha/rank B A; empty: 2 rank, so the factor is 2");
    v("layers",
      layers,
      "patterns of the weights that get a low-rank update: names of parameters or of the modules "
      "that hold them, as 'eddyline inspect' lists them; * stands for anything: [blocks.*.mlp]");
    v("train",
      train,
      "patterns of the parameters that are trained as they are: [head, '*.norm*']; what begins "
      "fresh is trained too");
  }
};

/// W + scale B A; a weight of more than two axes is taken as the matrix (first axis, all others).
/// Differentiable in A and B, any number of times.
/// \param base  (out, in, …)   \param a  (rank, in·…)   \param b  (out, rank)
at::Tensor low_rank_sum(at::Tensor const& base,
                        at::Tensor const& a,
                        at::Tensor const& b,
                        double scale);

/// Low-rank adaptation of any network in the space of its weights: W = W₀ + (alpha/rank) B A, with
/// A (rank, in) uniform on ±1/√in and B (out, rank) zero at first, so that the network begins as it
/// was. Source: Hu et al. 2021, "LoRA", arXiv 2106.09685, section 4.1; A as in microsoft/LoRA.
///
/// The network's own parameters take the values W: its code, its frozen form and its checkpoints
/// need to know nothing, and forecasts cost nothing more. For training, attach() makes these
/// parameters functions of A and B, for one backward pass; so a layer must use its parameter as it
/// is registered, not a copy or a view that it keeps. W₀ is kept beside. Unlike LoRA inside a layer
/// (LoraLinear) this form has no dropout on the update's input, and a step computes the whole
/// gradient of W before it is multiplied into those of A and B: it saves moments, messages and
/// files, not products.
class Adapter {
 public:
  struct Update {
    std::string weight;  ///< key of the parameter
    at::Tensor value;    ///< the network's parameter
    at::Tensor base;     ///< W₀
    at::Tensor a, b;     ///< leaves that require gradients
  };

  /// Takes the network's present weights as the base; do not move it to another device afterwards.
  /// \param fresh  starts of names that begin fresh: trained as they are
  /// \param seed   of A
  /// \throw Error  if a pattern fits nothing, or nothing that can be adapted or trained, or the
  ///               rank is too large, naming where
  Adapter(Surrogate& network,
          AdaptConfig const& config,
          std::vector<std::string> const& fresh,
          uint64_t seed);

  /// In the order of the network's parameters.
  std::vector<Update> const& updates() const { return updates_; }
  Update const* update_of(std::string const& parameter) const;
  /// True for a parameter that is trained as it is.
  bool trains(std::string const& parameter) const { return trained_.contains(parameter); }

  /// Makes the adapted weights functions of A and B, until settle() or the next call.
  void attach();
  /// Gives the adapted weights their present values, free of any graph.
  void settle();

  /// All that is not the base: "adapter/<weight>.A", "adapter/<weight>.B", "adapter/<parameter>" of
  /// what is trained as it is; host copies.
  std::map<std::string, at::Tensor> tensors() const;
  /// What a run's checkpoint needs beside the network: A, B and "adapter/<weight>.base".
  std::map<std::string, at::Tensor> state() const;
  /// Back to a state(), and settles. \throw Error  naming what is missing or does not fit
  void load(std::map<std::string, at::Tensor> const& tensors);

 private:
  void choose_trained(AdaptConfig const& config, std::vector<std::string> const& fresh);
  std::vector<std::string> adapted(AdaptConfig const& config) const;

  std::map<std::string, at::Tensor> parameters_;  ///< of the network
  std::vector<std::string> names_;                ///< of them, in order
  std::set<std::string> learns_;                  ///< in a group of the network
  std::map<std::string, at::Tensor> trained_;
  std::vector<Update> updates_;
  double scale_;
};

}  // namespace eddyline
