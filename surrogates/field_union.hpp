#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/batch.hpp"

namespace eddyline {

/// The fields of several data sets that one network learns from: every field that one of them has,
/// with every component that it has there (velocity x, y of one and x, y, z of another are one
/// field x, y, z). A batch of one data set is widened for the network: channels that it lacks are
/// zero, the mean of what is normalised; what the network writes there is left out. So losses,
/// metrics and forecasts are of the set's own fields.
struct FieldUnion {
  FieldSet inputs;  ///< the state's, then those known at all times
  FieldSet outputs;

  /// \param specs  of the data sets, not empty; the first one's order comes first
  /// \throw Error  if they know different fields ahead (time features, coordinates, constants), or
  ///               if a field is a vector in one and a scalar in another
  static FieldUnion of(std::vector<BatchSpec const*> const& specs);
  /// True if the set has all the fields in this order, so that nothing is widened.
  bool is_of(BatchSpec const& spec) const;
  /// True if it has all channels of the set.
  bool covers(BatchSpec const& spec) const;
  /// The batch with all input channels; the rest stays its own.
  Batch widen(Batch const& batch) const;
  /// Its own output channels of what the network gives, (B, To, Co, D, H, W).
  at::Tensor narrow(at::Tensor const& output, Batch const& batch) const;
};

nlohmann::json to_json(FieldUnion const& fields);
/// \throw Error  if a part is missing or no set of fields
FieldUnion field_union_from_json(nlohmann::json const& json);

}  // namespace eddyline
