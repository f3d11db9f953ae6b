#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "surrogates/climax/climax.hpp"

namespace eddyline::bench {

/// Whether dropout acts, drawn by LibTorch's own generator.
enum class ClimaxMode { evaluation, training };

/// The global ClimaX written op by op as the specification reads, on the parameters of a Climax
/// with serial tokens: a convolution a variable, all tokens with keys and values of every one,
/// scores and softmax of the blocks in memory, all variables predicted. What surrogates/climax
/// saves is measured against it.
class PlainClimax {
 public:
  /// \param inputs, outputs  names of the channels, among the network's variables
  PlainClimax(Climax const& climax,
              std::vector<std::string> const& inputs,
              std::vector<std::string> const& outputs);
  /// \param images     (B, Vi, H, W); H and W those of the table of positions
  /// \param lead_time  (B) [100 h]
  /// \return           (B, Vo, H, W)
  at::Tensor forward(at::Tensor const& images,
                     at::Tensor const& lead_time,
                     ClimaxMode mode = ClimaxMode::evaluation) const;

 private:
  at::Tensor const& get(std::string const& name) const { return parameters_.at(name); }
  at::Tensor linear(at::Tensor const& x, std::string const& name) const;
  at::Tensor norm(at::Tensor const& x, std::string const& name) const;
  at::Tensor drop(at::Tensor const& x, ClimaxMode mode) const;
  at::Tensor drop_path(at::Tensor const& x, int64_t block, ClimaxMode mode) const;
  at::Tensor tokens(at::Tensor const& images) const;
  at::Tensor aggregate(at::Tensor const& tokens) const;
  at::Tensor attention(at::Tensor const& x, std::string const& name) const;
  at::Tensor block(at::Tensor const& x, int64_t index, ClimaxMode mode) const;
  at::Tensor head(at::Tensor x, at::IntArrayRef cells) const;

  std::map<std::string, at::Tensor> parameters_;
  ClimaxConfig config_;
  std::vector<int64_t> inputs_, outputs_;
};

}  // namespace eddyline::bench
