#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace eddyline {

/// Matrices between cells of one axis and its kept modes, which are so few that products with them
/// beat fast Fourier transforms: no spectrum is computed, stored or padded only to be cut.
///     c_k = 1/n Σ_x v(x) exp(−2πi k x/n),    v(x) = Σ_k w_k c_k exp(2πi k x/n)
class AxisTransform {
 public:
  /// both_signs: 0 … m−1, −m … −1. from_zero: 0 … m−1, where w_k = 2 for the frequencies that stand
  /// for their negative too (all but 0 and Nyquist's); else w_k = 1.
  enum class Frequencies { both_signs, from_zero };
  /// real: v is, and of the sum over k the real part is taken.
  enum class Values { real, complex };
  /// Cells of an axis that are here.
  struct Cells {
    int64_t first, here, all;
  };

  /// \param kept  m
  /// \param like  has the real type and the device
  AxisTransform(
      Frequencies frequencies, Values values, int64_t kept, Cells cells, at::Tensor const& like);

  int64_t modes() const { return modes_; }
  /// \param v  (…, cells here, …) with that axis at `dim`, 1 or more
  /// \return   complex (…, modes, …): of the cells that are elsewhere nothing is in the sums
  at::Tensor analyse(at::Tensor const& v, int64_t dim) const;
  /// \param c  complex (…, modes, …)
  /// \return   (…, cells here, …)
  at::Tensor synthesise(at::Tensor const& c, int64_t dim) const;

 private:
  Values values_;
  int64_t modes_;
  at::Tensor
      to_modes_;  ///< complex (modes, cells), or real (2 modes, cells): cosine, −sine in turn
  at::Tensor to_cells_;  ///< (cells, as many)
};

}  // namespace eddyline
