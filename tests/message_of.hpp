// What a call complains of.
#pragma once

#include <string>

#include "core/error.hpp"

namespace eddyline {

/// The message of the `Thrown` that `action` throws; "nothing was thrown" if none. Others pass.
template <class Thrown = Exception, class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (Thrown const& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace eddyline
