#pragma once

#include <string>

namespace eddyline {

/// "0.1.0".
std::string build_version();
/// The commit that was built, "-dirty" if files had changed; "unknown" without a repository.
std::string build_commit();
/// "GNU 12.2.0".
std::string build_compiler();

}  // namespace eddyline
