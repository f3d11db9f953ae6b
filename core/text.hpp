#pragma once

#include <string>

namespace eddyline {

/// ASCII letters in lower case; other bytes stay.
std::string lower_case(std::string text);

}  // namespace eddyline
