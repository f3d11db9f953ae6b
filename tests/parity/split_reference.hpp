#pragma once

#include "surrogates/registry.hpp"
#include "tests/parity/module.hpp"

namespace eddyline::parity {

/// A fixture as a batch that may be divided among ranks.
struct SplitCase {
  std::shared_ptr<Surrogate> network;
  SurrogateSpec spec;
  /// Whole: input (B, T, C, D, H, W), target (B, 1, C', D, H, W) = the reference's forecast.
  Batch batch;
  double tolerance;  ///< of the forecast
  GradientRule gradients;
  /// Of this rank's cells of the forecast, so that the sum over ranks is the loss; as
  /// SplitSample::loss; sample_ids are numbers in the batch. None: Σ forecast² over the numbers of
  /// the whole forecast.
  std::function<at::Tensor(at::Tensor const& prediction, Batch const& batch)> loss = {};
};

/// A grid of these cells, for networks that know none.
Grid grid_of_cells(at::IntArrayRef cells);
/// Scalar fields.
FieldSet numbered_fields(int64_t count);

/// Forecast and gradients of the loss on every split that the network's patches allow, also of two
/// samples at once if the fixture has as many: each rank's block against its part of the fixture.
/// \return  number of splits
int compare_split(Reference const& reference, SplitCase const& split);

/// Forecast, its frozen forms and gradients on a GPU against the fixture, whole.
void compare_on_gpu(Reference const& reference, SplitCase const& whole, at::Device gpu);

}  // namespace eddyline::parity
