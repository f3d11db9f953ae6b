#include "surrogates/layers/pass.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr int64_t kPerBlock = 8;  // 16-bit numbers in the four words of one Philox block
constexpr double kLevels = 65536;
constexpr uint64_t kMostSites = uint64_t{1} << 20;

struct MaskRow {
  RandomKey key;
  uint64_t sample = 0;
  uint32_t threshold = 0;  ///< numbers below it are dropped
  float kept = 1;          ///< value of the others
};

/// Blocks [first, last) of a row of `elements`.
void fill_blocks(float* row, int64_t elements, int64_t first, int64_t last, MaskRow const& mask) {
  for (auto block = first; block < last; ++block) {
    auto const words = philox(mask.key, mask.sample, static_cast<uint64_t>(block));
    auto const start = block * kPerBlock;
    auto const count = std::min(kPerBlock, elements - start);
    for (int64_t i = 0; i < count; ++i) {
      auto const number = words[static_cast<size_t>(i / 2)] >> (16 * (i % 2)) & 0xFFFF;
      row[start + i] = number < mask.threshold ? 0.0F : mask.kept;
    }
  }
}

}  // namespace

at::Tensor drop(at::Tensor const& x, double p, uint64_t site, Pass const& pass) {
  if (!pass.training || p <= 0 || x.numel() == 0) {
    return x;
  }
  auto const batch = static_cast<int64_t>(pass.samples.size());
  EDDYLINE_ENSURE(batch > 0 && x.size(0) % batch == 0 && site < kMostSites,
                  "rows ",
                  x.size(0),
                  " of ",
                  batch,
                  " samples, site ",
                  site);
  auto mask = at::empty(x.sizes(), at::dtype(at::kFloat));
  auto const elements = x.numel() / batch;
  auto const blocks = (elements + kPerBlock - 1) / kPerBlock;
  auto const threshold = static_cast<uint32_t>(std::lround(p * kLevels));
  auto* const data = mask.data_ptr<float>();
  at::parallel_for(0, batch * blocks, 4096, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      auto const row = begin / blocks;
      auto const last = std::min(end, (row + 1) * blocks);
      MaskRow const key{
          .key = {pass.random.seed, pass.random.step, pass.random.layer * kMostSites + site},
          .sample = static_cast<uint64_t>(pass.samples[static_cast<size_t>(row)]),
          .threshold = threshold,
          .kept = static_cast<float>(kLevels / (kLevels - threshold))};
      fill_blocks(data + row * elements, elements, begin - row * blocks, last - row * blocks, key);
      begin = last;
    }
  });
  return x * (x.is_cpu() && x.scalar_type() == at::kFloat ? mask : mask.to(x.options()));
}

}  // namespace eddyline
