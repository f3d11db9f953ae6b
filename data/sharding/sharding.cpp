#include "data/sharding/sharding.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace eddyline {

Sharding::Sharding(std::shared_ptr<Mesh const> mesh,
                   std::array<int64_t, 3> cells,
                   std::array<int64_t, 3> align)
    : mesh_(std::move(mesh)) {
  Decomposition const division(cells, mesh_->parts(), align);
  block_ = division.block(mesh_->domain().rank());
  for (size_t a = 0; a < 3; ++a) {
    axes_[a] = {.group = mesh_->line(a), .sizes = {}, .rank = mesh_->position()[a]};
    std::array<int, 3> at = {0, 0, 0};
    for (; at[a] < mesh_->parts()[a]; ++at[a]) {
      axes_[a].sizes.push_back(division.block(division.rank_at(at)).box.size[a]);
    }
  }
}

Sharding Sharding::in_patches(std::array<int64_t, 3> patch) const {
  auto patches = *this;
  for (size_t a = 0; a < 3; ++a) {
    for (auto& size : patches.axes_[a].sizes) {
      require(size % patch[a] == 0,
              "a block has ",
              size,
              " cells on axis ",
              "DHW"[a],
              ", no multiple of the patch ",
              patch[a],
              "; divide the grid in units of the patch");
      size /= patch[a];
    }
    patches.block_.box.first[a] /= patch[a];
    patches.block_.box.size[a] /= patch[a];
    patches.block_.global[a] /= patch[a];
  }
  return patches;
}

Sharding Sharding::part(Box const& box) const {
  auto part = *this;
  part.block_.global = box.size;
  for (size_t a = 0; a < 3; ++a) {
    auto const end = box.first[a] + box.size[a];
    auto& sizes = part.axes_[a].sizes;
    int64_t first = 0;
    for (auto& size : sizes) {
      auto const next = first + size;
      size = std::min(next, end) - std::max(first, box.first[a]);
      EDDYLINE_ENSURE(size > 0, "a rank without cells on axis ", a);
      first = next;
    }
    part.block_.box.first[a] = part.axes_[a].first();
    part.block_.box.size[a] = part.axes_[a].own();
  }
  return part;
}

}  // namespace eddyline
