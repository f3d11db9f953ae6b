#include "workflows/simulation/split_sink.hpp"

#include <ATen/ATen.h>

namespace eddyline {

void SplitSink::write(int64_t step, State const& state) {
  auto const values = state.values.to(at::kCPU, at::kFloat, /*non_blocking=*/false, /*copy=*/true);
  open_.push_back({step, {values, state.time, state.spec}});
}

void SplitSink::discard_after(int64_t step) {
  std::erase_if(open_, [&](Frame const& frame) { return frame.step > step; });
}

void SplitSink::close_segment(Restart const& /*restart*/) {
  for (auto const& [step, state] : open_) {
    writer_.write(first_, (step - save_.first) / save_.every, state);
    moments_.values.add(state.values);
    if (previous_.defined()) {
      moments_.deltas.add(state.values.to(at::kDouble) - previous_.to(at::kDouble));
    }
    previous_ = state.values;
  }
  open_.clear();
}

}  // namespace eddyline
