#include "data/sinks/rollout_sink.hpp"

#include <numeric>

#include <ATen/ATen.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/sinks/segment_file.hpp"

namespace eddyline {
namespace {

/// That of the trajectory at `index` of a share.
Restart restart_of(Restart const& all, int64_t index) {
  Restart one{.step = all.step,
              .window = all.window.narrow(0, index, 1),
              .times = all.times,
              .memory = {},
              .block = all.block};
  for (auto const& [name, tensor] : all.memory) {
    one.memory[name] = tensor.narrow(0, index, 1);
  }
  return one;
}

}  // namespace

TrajectoryShare::TrajectoryShare(int64_t first, int64_t count)
    : numbers_(static_cast<size_t>(count)) {
  std::iota(numbers_.begin(), numbers_.end(), first);
}

RolloutSink::RolloutSink(RolloutFolder folder,
                         RolloutDescription description,
                         TrajectoryShare share,
                         std::optional<int64_t> from,
                         Communicator const* sharing)
    : folder_(std::move(folder)),
      description_(std::move(description)),
      share_(std::move(share)),
      sharing_(sharing),
      scene_(description_.fields, description_.grid) {
  for (int64_t i = 0; is_first() && i < share_.count(); ++i) {
    folder_.drop_after(share_[i], from.value_or(-1));
    if (from) {
      folder_.write_xdmf(share_[i], description_);
    } else {
      std::error_code missing;
      std::filesystem::remove(folder_.xdmf(share_[i]), missing);
    }
  }
}

void RolloutSink::write(int64_t step, State const& state) {
  EDDYLINE_ENSURE(state.values.dim() == 5 && state.values.size(0) == share_.count() &&
                      state.values.size(1) == description_.fields.channels(),
                  "state ",
                  state.values.sizes(),
                  " for ",
                  share_.count(),
                  " trajectories");
  EDDYLINE_ENSURE(open_.empty() || open_.back().step < step, "step ", step);
  if (sharing_ != nullptr) {
    EDDYLINE_ENSURE(state.spec && state.spec->block.global == description_.grid.shape(),
                    "a state of several ranks that does not say which block it is");
    block_ = state.spec->block;
  }
  auto const& values = state.values;
  auto const host =
      at::empty(values.sizes(), values.options().device(at::kCPU).pinned_memory(values.is_cuda()));
  // Does not wait for the device, which steps on: close_segment does.
  host.copy_(values.detach(), /*non_blocking=*/true);
  open_.push_back({step, state.time, host});
}

void RolloutSink::discard_after(int64_t step) {
  std::erase_if(open_, [&](Frame const& frame) { return frame.step > step; });
}

void RolloutSink::write_one(int64_t index, Restart const& restart) const {
  Segment segment{.frames = {}, .restart = restart_of(restart, index)};
  for (auto const& frame : open_) {
    segment.frames.push_back({frame.step, frame.time, frame.values.select(0, index)});
  }
  auto const path = folder_.segment(share_[index], open_.front().step);
  write_segment(path, scene_, segment, block_, sharing_);
}

void RolloutSink::show_segment(int64_t trajectory) const {
  std::vector<XdmfFrame> frames;
  auto const file = folder_.relative_segment(trajectory, open_.front().step);
  for (auto const& frame : open_) {
    frames.push_back({frame.step, frame.time, file, stored_type(frame.values.scalar_type())});
  }
  auto const text = xdmf_frames(description_, frames, folder_.master().filename().string());
  if (!insert_before_tail(folder_.xdmf(trajectory), text, kXdmfTail)) {
    folder_.write_xdmf(trajectory, description_);
  }
}

void RolloutSink::close_segment(Restart const& restart) {
  if (open_.empty()) {
    return;
  }
  with_context(
      [&] {
        auto on_host = restart;
        on_host.window = restart.window.to(at::kCPU);  // waits for the device, so for all frames
        for (int64_t i = 0; i < share_.count(); ++i) {
          write_one(i, on_host);
          if (is_first()) {
            show_segment(share_[i]);
          }
        }
      },
      "writing steps ",
      open_.front().step,
      " to ",
      open_.back().step,
      " of the rollout in '",
      folder_.path().string(),
      "'");
  open_.clear();
}

}  // namespace eddyline
