#include "workflows/build.hpp"

#include <fmt/format.h>

#include "eddyline_commit.hpp"

namespace eddyline {

std::string build_version() {
  return EDDYLINE_VERSION;
}

std::string build_commit() {
  return EDDYLINE_COMMIT;
}

std::string build_compiler() {
  return fmt::format("GNU {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
}

}  // namespace eddyline
