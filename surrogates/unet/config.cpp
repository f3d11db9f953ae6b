#include "surrogates/unet/config.hpp"

#include <bit>

#include "core/error.hpp"

namespace eddyline {
namespace {

void require_positive(int64_t value, char const* key) {
  require(value >= 1, "model.", key, " is ", value, "; it must be at least 1");
}

}  // namespace

int64_t levels_of(UnetConfig const& config, std::vector<size_t> const& axes) {
  int64_t levels = 0;
  for (auto const axis : axes) {
    levels = std::max<int64_t>(levels, std::countr_zero(static_cast<uint64_t>(config.patch[axis])));
  }
  require(levels >= 1,
          "model.patch is 1 on every axis of more than one cell; a U-Net needs a coarser level: "
          "set model.patch there to 2, 4, 8 or 16");
  return levels;
}

UnetConfig checked(UnetConfig const& config) {
  for (auto const patch : config.patch) {
    require(patch >= 1 && std::has_single_bit(static_cast<uint64_t>(patch)),
            "model.patch is ",
            patch,
            "; it must be a power of two, for every level halves the cells: 1, 2, 4, 8, 16, …");
  }
  require_positive(config.features, "features");
  require_positive(config.blocks_per_stage, "blocks_per_stage");
  require_positive(config.blocks_at_neck, "blocks_at_neck");
  require_positive(config.history, "history");
  return config;
}

}  // namespace eddyline
