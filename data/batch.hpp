#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/field_set.hpp"
#include "data/field/grid.hpp"
#include "data/sharding/sharding.hpp"

namespace eddyline {

class Fit;
class PredictedPart;

/// What the tensors of a Batch mean; one object for all batches of a data set.
struct BatchSpec {
  std::string dataset;    ///< key of its statistics
  FieldSet input_fields;  ///< the state's, then those known at all times
  FieldSet known_fields;  ///< the latter: Batch.forcing holds their future
  FieldSet output_fields;
  FieldSet constant_fields;  ///< fields that do not change in time
  std::vector<std::string> scalars;
  Grid input_grid;
  Grid output_grid;
  /// How input_grid lies on the ranks that share a sample; none: this rank has it whole. Tensors
  /// hold this rank's block then.
  std::shared_ptr<Sharding const> sharding;
  /// The part of input_grid that output_grid is; none: all of it.
  std::shared_ptr<PredictedPart const> part = {};
  std::string time_unit;
  /// Time from the newest input to the first target; none where the data have one frame only.
  std::optional<double> step = 1;
  std::shared_ptr<Fit const> fit;  ///< how the file's grid became input_grid; none: as it is
  std::vector<double> more_steps;  ///< with data.strides: of the others after the first

  /// The same of output_grid: of the part by itself, where there is one.
  std::shared_ptr<Sharding const> const& output_sharding() const;
};

/// x̂ = (x − mean) / scale, per sample and channel.
struct Affine {
  at::Tensor mean;   ///< (B, C), or (1, C) for all samples alike
  at::Tensor scale;  ///< same shape, > 0

  /// \param values  (B, C, D, H, W) or (B, T, C, D, H, W)
  at::Tensor normalise(at::Tensor const& values) const;
  at::Tensor restore(at::Tensor const& values) const;
};

/// Samples that a surrogate sees at once, on its device. Unused parts are undefined tensors.
struct Batch {
  at::Tensor input;      ///< (B, Ti, Ci, D, H, W)
  at::Tensor target;     ///< (B, To, Co, D', H', W')
  at::Tensor forcing;    ///< known input channels at the target times: (B, To, Ck, D, H, W)
  at::Tensor constants;  ///< (B, Cc, D, H, W)
  at::Tensor scalars;    ///< (B, S)
  at::Tensor mask;       ///< 1 where a value counts, 0 where missing: (B, Co, D', H', W') float
  /// True where a state value is missing in every input frame, as on land; undefined with
  /// data.missing other than mask: (B, C, D, H, W) bool
  at::Tensor absent;
  at::Tensor lead_time;  ///< (B) in spec->time_unit, from the last input frame to the first target
  Affine input_norm;     ///< maps physical input to what the surrogate sees
  Affine target_norm;
  std::vector<int64_t> sample_ids;  ///< global sample numbers: keys of random streams
  int64_t global_size = 0;          ///< samples of this batch over all data ranks
  std::shared_ptr<BatchSpec const> spec;

  int64_t size() const { return input.size(0); }
};

}  // namespace eddyline
