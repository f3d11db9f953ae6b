#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/decomposition.hpp"
#include "data/field/field_set.hpp"
#include "data/field/grid.hpp"
#include "data/formats/cf_time.hpp"
#include "data/formats/reader.hpp"
#include "data/pipeline/data_config.hpp"

namespace eddyline {

/// Input channels whose values are known at every time, past and future: they follow the state's
/// fields in Batch.input and are what a rollout adds to each of its own frames.
///
/// In this order: for each of data.time_features two fields `<name>_sin`, `<name>_cos` (constant in
/// space; phase 2π t / 24 h, or 2π t / year from 1 January, t counted from the data's time origin
/// and calendar); with data.coordinates one field `coordinate_<axis>` for each named axis, from -1
/// to 1 over the axis; the fields of data.constant_inputs. Only the constant ones are normalised.
class KnownFields {
 public:
  KnownFields() = default;
  /// \throw Error  naming an unknown time feature or constant field, or a time unit that is no unit
  /// of time
  KnownFields(DataConfig const& config, DatasetSpec const& data, Grid const& fitted);

  FieldSet const& fields() const { return fields_; }
  bool empty() const { return fields_.empty(); }
  /// Names of the constant fields that are among them.
  std::vector<std::string> const& constant_inputs() const { return constant_inputs_; }
  /// (times.size(), Ck, D, H, W) float32 on the host, of the cells in `box`.
  /// \param constants  the chosen constant fields of these cells; undefined if none is chosen
  at::Tensor at(std::vector<double> const& times,
                at::Tensor const& constants,
                Box const& box) const;

 private:
  enum class Cycle { day, year };
  /// Radians of the cycle at a time of the data.
  double phase(Cycle cycle, double time) const;

  FieldSet fields_;
  CfTime clock_;
  std::vector<Cycle> cycles_;
  /// Of each axis, (D, 1, 1), (1, H, 1) or (1, 1, W): blocks are filled from them.
  std::vector<at::Tensor> coordinates_;
  std::vector<std::string> constant_inputs_;
  Grid grid_;
};

}  // namespace eddyline
