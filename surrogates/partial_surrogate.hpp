#pragma once

#include <optional>

#include "data/field/grid_part.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// What a network is besides a Surrogate if it can predict a part of the grid that it reads.
class PartialSurrogate {
 public:
  virtual ~PartialSurrogate() = default;
  /// \return  none: all of it
  virtual std::optional<GridPart> predicted_part() const = 0;
};

/// The part of the input's grid that a network predicts; none: all of it.
inline std::optional<GridPart> predicted_part(Surrogate const& network) {
  auto const* partial = dynamic_cast<PartialSurrogate const*>(&network);
  return partial != nullptr ? partial->predicted_part() : std::nullopt;
}

}  // namespace eddyline
