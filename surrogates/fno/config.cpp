#include "surrogates/fno/config.hpp"

#include "core/error.hpp"

namespace eddyline {
namespace {

void require_positive(int64_t value, char const* key) {
  require(value >= 1, "model.", key, " is ", value, "; it must be at least 1");
}

}  // namespace

FnoConfig checked(FnoConfig const& config) {
  for (auto const modes : config.modes) {
    require_positive(modes, "modes");
  }
  require_positive(config.width, "width");
  require_positive(config.layers, "layers");
  require_positive(config.projection, "projection");
  require_positive(config.history, "history");
  return config;
}

}  // namespace eddyline
