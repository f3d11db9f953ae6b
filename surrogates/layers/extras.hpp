#pragma once

#include <array>
#include <utility>

#include "core/config.hpp"

namespace eddyline {

/// Whether constants or scalars of the data are further inputs of a network.
enum class Extras { ignore, fields };

template <>
struct EnumNames<Extras> {
  static constexpr auto names = std::to_array<std::pair<Extras, char const*>>(
      {{Extras::ignore, "ignore"}, {Extras::fields, "fields"}});
};

}  // namespace eddyline
