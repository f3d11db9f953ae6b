#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <torch/nn/module.h>

#include "data/sharding/sharding.hpp"

namespace eddyline {

/// The kept Fourier modes of data with one to three axes: m keeps the frequencies
/// 0 … m−1, −m … −1 of an axis; of the last, whose spectrum is Hermitian, 0 … m−1.
struct FourierModes {
  std::vector<int64_t> kept;  ///< m of each axis

  /// \param cells  of each axis
  /// \param axes   their numbers among D, H, W, for the message
  /// \throw Error  if an axis has too few cells to tell its modes apart, naming how many fit
  void check(std::vector<int64_t> const& cells, std::vector<size_t> const& axes) const;
};

/// Matrices between values on a grid and their kept modes, which are so few that products with them
/// beat fast Fourier transforms: no spectrum is computed, stored or padded only to be cut.
class FourierBasis {
 public:
  /// \param like   values (…, cells of each axis) whose type and device the matrices have
  /// \param lines  how the cells of each axis lie on ranks, whose blocks are `like`; empty: whole
  /// \param group  of all ranks that share the cells; null: none
  FourierBasis(FourierModes const& modes,
               at::Tensor const& like,
               std::vector<AxisParts> const& lines = {},
               Mesh::Group group = {});

  /// c_k = 1/N Σ_x v(x) exp(−2πi k·x/n) at the kept modes. The sum goes over the cells of all
  /// ranks, so that only the kept modes travel, and every rank has them.
  /// \param v  real (B, C, cells)
  /// \return   complex (B, C, modes)
  at::Tensor analyse(at::Tensor const& v) const;
  /// v(x) = Re Σ_k w_k c_k exp(2πi k·x/n), w_k = 2 where the last axis' frequency stands for its
  /// negative too, else 1 (frequency 0 and that of Nyquist).
  at::Tensor synthesise(at::Tensor const& coefficients) const;

 private:
  struct Axis {
    at::Tensor to_modes, to_cells;
  };
  std::vector<Axis> full_;  ///< all but the last: complex (modes, cells) and (cells, modes)
  Mesh::Group group_;
  Axis half_;  ///< real (cells, 2 modes) and (2 modes, cells): cosine, −sine in turn
};

/// (K v)(x) = Σ_k R_k c_k(v) exp(2πi k·x/n): a convolution with a kernel given by its kept modes,
/// one complex matrix (out, in) each.
/// Source: Li et al. 2021, "Fourier neural operator for parametric partial differential equations",
/// arXiv 2010.08895, eqs. 4 and 5.
class SpectralConvolution final : public torch::nn::Module {
 public:
  SpectralConvolution(int64_t in, int64_t out, FourierModes const& modes);
  /// \param v  real (B, in, cells)
  /// \return   real (B, out, cells)
  at::Tensor forward(at::Tensor const& v, FourierBasis const& basis) const;

  at::Tensor weight;  ///< (modes of each axis, in, out, 2): real and imaginary parts
};

}  // namespace eddyline
