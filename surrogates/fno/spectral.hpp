#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <torch/nn/module.h>

#include "surrogates/fno/axis_transform.hpp"
#include "surrogates/fno/divided_axis.hpp"
#include "surrogates/fno/mode_order.hpp"

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

/// Between values on a grid and their kept modes. Where ranks share the cells, each gets a share of
/// the modes, of all channels; only kept modes travel, on the cheapest way (mode_order.hpp).
class FourierBasis {
 public:
  /// \param like    values (…, cells of each axis) whose type and device the matrices have
  /// \param lines   how the cells of each axis lie on ranks, whose blocks are `like`; empty: whole
  /// \param flight  type of what travels
  FourierBasis(FourierModes const& modes,
               at::Tensor const& like,
               std::vector<AxisParts> const& lines = {},
               Flight flight = Flight::as_computed);

  /// c_k = 1/N Σ_x v(x) exp(−2πi k·x/n) at the kept modes, x over the cells of all ranks.
  /// \param v  real (B, C, cells)
  /// \return   complex (B, C, modes of this rank)
  at::Tensor analyse(at::Tensor const& v) const;
  /// v(x) = Re Σ_k w_k c_k exp(2πi k·x/n), k over the modes of all ranks, w_k = 2 where the last
  /// axis' frequency stands for its negative too, else 1 (frequency 0 and that of Nyquist).
  at::Tensor synthesise(at::Tensor const& coefficients) const;

  /// Of (modes of all axes as one, …) those of this rank, in its order: (modes of this rank).
  /// Undefined where it has all.
  at::Tensor const& own_modes() const { return own_; }

 private:
  struct WholeAxis {
    size_t axis;
    AxisTransform transform;
  };
  std::vector<WholeAxis> whole_;      ///< in the order in which they are transformed
  std::vector<DividedAxis> divided_;  ///< thereafter
  std::vector<int64_t> kept_;         ///< modes of the whole axes as they are
  std::vector<int64_t> order_;        ///< of B, C, whole axes as they are, divided as they come
  at::Tensor own_;
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
