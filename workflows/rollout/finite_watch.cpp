#include "workflows/rollout/finite_watch.hpp"

#include <ATen/ATen.h>

namespace eddyline {

FiniteWatch::FiniteWatch(at::Tensor const& start) {
  auto const missing = start.isnan().all(1);
  auto const whole = missing.flatten(2).all(2).view({missing.size(0), missing.size(1), 1, 1, 1});
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
