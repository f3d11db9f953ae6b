#pragma once

#include <memory>

#include <ATen/core/Tensor.h>

#include "data/field/decomposition.hpp"
#include "data/field/field_set.hpp"
#include "data/field/grid.hpp"

namespace eddyline {

/// What the numbers of a State mean: shared by all states of a run.
struct StateSpec {
  FieldSet fields;
  Grid grid;              ///< the whole grid
  Block block;            ///< the part that this rank holds
  std::string time_unit;  ///< "s", "h", "" if unknown
};

/// All fields at one time on one block: B trajectories that step together.
struct State {
  at::Tensor values;  ///< (B, C, D, H, W) of the block
  double time = 0;    ///< in spec->time_unit
  std::shared_ptr<StateSpec const> spec;
};

}  // namespace eddyline
