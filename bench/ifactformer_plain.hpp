#pragma once

#include <array>
#include <map>
#include <string>

#include <ATen/core/Tensor.h>

#include "surrogates/ifactformer/ifactformer.hpp"

namespace eddyline::bench {

/// IFactFormer-m written op by op as the specification reads, on the parameters of an IFactFormer:
/// every linear map on the whole field before its mean is taken, contractions as einsums over
/// tensors with the heads first, the three results joined, the instance norm over channels first.
/// What surrogates/ifactformer saves is measured against it.
class PlainIFactFormer {
 public:
  explicit PlainIFactFormer(IFactFormer const& network);
  /// \param u            (B, t, X, Y, Z, C)
  /// \param coordinates  of the cells on each axis
  /// \return             (B, X, Y, Z, C)
  at::Tensor forward(at::Tensor const& u, AxisCoordinates const& coordinates) const;

 private:
  at::Tensor const& get(std::string const& name) const { return values_.at(name); }
  at::Tensor linear(at::Tensor const& x, std::string const& name) const;
  at::Tensor norm(at::Tensor const& x, std::string const& name) const;
  at::Tensor lift(at::Tensor const& u) const;
  at::Tensor project(at::Tensor const& u) const;
  at::Tensor position(AxisCoordinates const& coordinates, std::string const& layer) const;
  at::Tensor pool(at::Tensor const& w, size_t axis, std::string const& block) const;
  at::Tensor kernel(at::Tensor const& tokens,
                    at::Tensor const& coordinate,
                    std::string const& name) const;
  at::Tensor block(at::Tensor const& u,
                   AxisCoordinates const& coordinates,
                   std::string const& name) const;

  std::map<std::string, at::Tensor> values_;  ///< parameters and buffers
  IFactFormerConfig config_;
};

}  // namespace eddyline::bench
