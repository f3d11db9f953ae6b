#include "surrogates/layers/pass.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/error.hpp"
#include "core/transfer.hpp"

namespace eddyline {
namespace {

constexpr uint64_t kMostSites = uint64_t{1} << 20;
constexpr int64_t kRowsAtOnce = 256;  // of one thread

/// Uniform numbers (B, elements) on the device of `like`, each sample from its own stream.
at::Tensor numbers(at::Tensor const& like,
                   RandomKey const& key,
                   std::vector<int64_t> const& samples) {
  auto const batch = static_cast<int64_t>(samples.size());
  auto out = at::empty({batch, like.numel() / batch}, like.options().dtype(at::kFloat));
  if (!out.is_cpu()) {
    fill_uniform(out, key, samples);
    return out;
  }
  at::parallel_for(0, batch, 1, [&](int64_t begin, int64_t end) {
    fill_uniform(
        out.narrow(0, begin, end - begin), key, {samples.begin() + begin, samples.begin() + end});
  });
  return out;
}

/// The same for rows that lie somewhere in their samples.
at::Tensor numbers(at::Tensor const& like, RandomKey const& key, RowPlaces const& rows) {
  auto const count = static_cast<int64_t>(rows.places.size());
  EDDYLINE_ENSURE(like.numel() % count == 0, like.numel(), " elements in ", count, " rows");
  auto out = at::empty({count, like.numel() / count}, at::kFloat);
  at::parallel_for(0, count, kRowsAtOnce, [&](int64_t begin, int64_t end) {
    auto const part = [&](std::vector<int64_t> const& all) {
      return std::vector<int64_t>(all.begin() + begin, all.begin() + end);
    };
    auto const own = out.narrow(0, begin, end - begin);
    if (rows.columns.empty()) {
      fill_uniform_at(own, key, part(rows.samples), part(rows.places));
      return;
    }
    auto firsts = part(rows.places);
    for (auto& first : firsts) {
      first *= rows.length;
    }
    fill_uniform_in(own, key, part(rows.samples), firsts, rows.columns);
  });
  return sent(out, like.device());
}

}  // namespace

at::Tensor drop(at::Tensor const& x, double p, uint64_t site, Pass const& pass) {
  if (!pass.training || p <= 0 || x.numel() == 0) {
    return x;
  }
  auto const batch = static_cast<int64_t>(pass.samples.size());
  EDDYLINE_ENSURE(batch > 0 && (pass.places || x.size(0) % batch == 0) && site < kMostSites,
                  "rows ",
                  x.size(0),
                  " of ",
                  batch,
                  " samples, site ",
                  site);
  RandomKey const key{pass.random.seed, pass.random.step, pass.random.layer * kMostSites + site};
  at::Tensor mask;
  {
    at::NoGradGuard const no_grad;
    mask = (pass.places ? numbers(x, key, *pass.places) : numbers(x, key, pass.samples))
               .ge_(p)
               .mul_(1 / (1 - p))
               .view(x.sizes());
  }
  return x * (x.scalar_type() == at::kFloat ? mask : mask.to(x.scalar_type()));
}

}  // namespace eddyline
