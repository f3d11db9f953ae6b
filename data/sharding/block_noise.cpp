#include "data/sharding/block_noise.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {

void fill_normal(at::Tensor const& out,
                 RandomKey const& key,
                 std::vector<int64_t> const& indices,
                 Block const& block) {
  auto const& box = block.box;
  EDDYLINE_ENSURE(out.dim() >= 4 && out.sizes().slice(static_cast<size_t>(out.dim()) - 3) ==
                                        at::IntArrayRef(box.size),
                  "values ",
                  out.sizes(),
                  " of a block of ",
                  at::IntArrayRef(box.size));
  auto const samples = static_cast<int64_t>(indices.size());
  auto const slices = samples == 0 ? 0 : out.numel() / box.cells() / samples;  // (D, H, W) each
  std::vector<int64_t> streams, firsts;  // of each line of cells along W
  for (auto const index : indices) {
    for (int64_t slice = 0; slice < slices; ++slice) {
      for (int64_t d = 0; d < box.size[0]; ++d) {
        for (int64_t h = 0; h < box.size[1]; ++h) {
          auto const line =
              (slice * block.global[0] + box.first[0] + d) * block.global[1] + box.first[1] + h;
          streams.push_back(index);
          firsts.push_back(line * block.global[2] + box.first[2]);
        }
      }
    }
  }
  fill_normal_from(out.view({-1, box.size[2]}), key, streams, firsts);
}

}  // namespace eddyline
