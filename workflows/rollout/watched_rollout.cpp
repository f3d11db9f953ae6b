#include "workflows/rollout/watched_rollout.hpp"

namespace eddyline {

void watch(Rollout& rollout, TrajectoryShare const& share, InSituWatch& in_situ) {
  auto const& config = in_situ.config();
  for (int64_t index = 0; config.is_on() && index < share.count(); ++index) {
    if (share[index] == config.trajectory) {
      rollout.observe(
          [&in_situ, index](int64_t step, State const& state) { in_situ.show(step, state, index); },
          config.every);
    }
  }
}

}  // namespace eddyline
