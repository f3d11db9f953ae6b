#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/field_set.hpp"
#include "data/pipeline/data_config.hpp"
#include "data/pipeline/fit.hpp"
#include "data/sharding/predicted_part.hpp"

namespace eddyline {

/// What of a state a network reads or predicts: some of its channels, a part of its grid.
struct StatePart {
  std::vector<int64_t> channels;                    ///< in the part's order; empty: all as they are
  std::shared_ptr<PredictedPart const> cells = {};  ///< none: all

  bool is_all() const { return channels.empty() && !cells; }
  /// (…, C, D, H, W) of a state → (…, Cp, D, Hp, Wp)
  /// \param group  as PredictedPart::take
  at::Tensor of(at::Tensor const& values, Mesh::Group const& group = {}) const;
};

/// Fields of a state that a network reads and that it predicts.
struct SampleFields {
  FieldSet inputs, outputs;
};

/// \throw Error  if data.input_fields or data.target_fields name a field that the state lacks, or
///               none of them one that it has
SampleFields sample_fields(FieldSet const& state, DataConfig const& config);

/// The fields of one set, then those of another.
FieldSet joined(FieldSet const& a, FieldSet const& b);

/// Where the channels of some fields are in a state; empty if they are all, in its order.
std::vector<int64_t> channels_in(FieldSet const& state, FieldSet const& fields);

/// \throw Error  if a part is of another grid than the fitted one, or the fit adds cells
void check_part(GridPart const& part, Fit const& fit);

}  // namespace eddyline
