#include "workflows/rollout/finite_watch.hpp"

#include <ATen/ATen.h>

#include "data/sharding/collectives.hpp"

namespace eddyline {

FiniteWatch::FiniteWatch(at::Tensor const& start, Mesh::Group const& group) {
  auto const missing = start.isnan().all(1);
  auto const present = missing.logical_not().to(at::kFloat).flatten(2).amax(2);  // (B, C)
  auto const whole =
      sum_over(present, group).eq(0).view({missing.size(0), missing.size(1), 1, 1, 1});
  missing_ = missing.logical_and(whole.logical_not());
}

void FiniteWatch::see(int64_t step, at::Tensor const& values) {
  auto const options = values.options().dtype(at::kLong);
  if (!first_bad_.defined()) {
    first_bad_ = at::full({}, kNever, options);
  }
  auto finite = at::isfinite(values);
  if (missing_.defined()) {
    finite = finite.logical_or(missing_);
  }
  auto const bad = finite.all().logical_not();
  first_bad_ = at::minimum(
      first_bad_, at::where(bad, at::full({}, step, options), at::full({}, kNever, options)));
}

std::optional<int64_t> FiniteWatch::first_bad() const {
  auto const step = first_bad_.defined() ? first_bad_.item<int64_t>() : kNever;
  return step == kNever ? std::nullopt : std::optional(step);
}

}  // namespace eddyline
