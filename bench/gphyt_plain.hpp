#pragma once

#include <map>
#include <string>

#include <ATen/core/Tensor.h>

#include "surrogates/gphyt/gphyt.hpp"

namespace eddyline::bench {

/// GPhyT of the paper's configuration written op by op as the specification reads, on the
/// parameters of a Gphyt: differences as padded depth-wise convolutions, tokens as convolutions,
/// two linear maps before attention, whole attention maps and their averages over heads, every
/// frame of the update. What surrogates/gphyt saves is measured against it.
class PlainGphyt {
 public:
  explicit PlainGphyt(Gphyt const& gphyt);
  /// \param x  (B, T, H, W, F)
  /// \return   (B, 1, H, W, F)
  at::Tensor forward(at::Tensor const& x) const;

 private:
  at::Tensor const& get(std::string const& name) const { return parameters_.at(name); }
  at::Tensor linear(at::Tensor const& x, std::string const& name) const;
  at::Tensor norm(at::Tensor const& x, std::string const& name) const;
  at::Tensor derivatives(at::Tensor const& x) const;
  at::Tensor attention(at::Tensor const& z, std::string const& name) const;
  at::Tensor block(at::Tensor const& h, int64_t index) const;

  std::map<std::string, at::Tensor> parameters_;
  GphytConfig config_;
};

}  // namespace eddyline::bench
