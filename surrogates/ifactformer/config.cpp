#include "surrogates/ifactformer/config.hpp"

#include "core/error.hpp"

namespace eddyline {
namespace {

void require_positive(int64_t value, char const* key) {
  require(value >= 1, "model.", key, " is ", value, "; it must be at least 1");
}

void require_even(int64_t value, char const* key, char const* why) {
  require(value >= 2 && value % 2 == 0,
          "model.",
          key,
          " is ",
          value,
          "; it must be even and at least 2, since ",
          why);
}

}  // namespace

IFactFormerConfig checked(IFactFormerConfig const& config) {
  require_even(config.dim, "dim", "sine and cosine of the positions share it");
  require_even(config.dim_head, "dim_head", "queries and keys are rotated in pairs");
  require_positive(config.heads, "heads");
  require_positive(config.depth, "depth");
  require_positive(config.n_layer, "n_layer");
  require_positive(config.history, "history");
  if (config.extent) {
    for (auto const length : *config.extent) {
      require(length > 0, "model.extent has the length ", length, "; lengths must be positive");
    }
  }
  return config;
}

}  // namespace eddyline
