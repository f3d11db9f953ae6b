#pragma once

#include <map>
#include <vector>

#include <c10/core/Device.h>

#include "data/batch.hpp"
#include "data/pipeline/dataset.hpp"
#include "data/pipeline/mirror.hpp"
#include "data/pipeline/normaliser.hpp"

namespace eddyline {

/// Reads samples of a Dataset and makes a Batch of them on a device.
///
/// Frames are read straight into the batch's own host memory (page-locked for a GPU), inputs and
/// targets of a sample side by side where they are equally spaced; they go to the device in one
/// copy, and input and target are views of it.
class BatchMaker {
 public:
  BatchMaker(Dataset& data, Statistics const& statistics, at::Device device);

  /// A batch of those windows, possibly none (size 0). Missing values are filled; values are
  /// physical. \param flips  one for each sample, or none
  Batch make(std::vector<int64_t> const& samples, std::vector<Flips> const& flips = {});
  Normaliser const& normaliser() const { return normaliser_; }

 private:
  at::Tensor read_frames(std::vector<int64_t> const& samples, std::vector<Flips> const& flips);
  at::Tensor read_known(std::vector<int64_t> const& samples, std::vector<Flips> const& flips);
  WindowShape const& shape_of(WindowAddress const& address) const;
  at::Tensor empty(std::vector<int64_t> const& shape) const;
  Affine oracle_of(std::vector<int64_t> const& samples);
  void add_facts(Batch& batch,
                 std::vector<int64_t> const& samples,
                 std::vector<Flips> const& flips);

  Dataset& data_;
  at::Device device_;
  Normaliser normaliser_;
  std::map<int64_t, Affine> oracle_;  ///< by trajectory
};

}  // namespace eddyline
