#pragma once

#include <string>
#include <utility>

namespace eddyline {

/// The flag by which a user lets the code in a file run (surrogates/trust.hpp), and its help.
inline std::pair<std::string, std::string> const kTrustFlag = {
    "--trust",
    "run the code in the TorchScript file that the model names (surrogate: script): it may do "
    "anything that you may"};

}  // namespace eddyline
