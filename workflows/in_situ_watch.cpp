#include "workflows/in_situ_watch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/log.hpp"
#include "data/sinks/rollout_folder.hpp"

namespace eddyline {
namespace {

constexpr char const* kChannel = "input";

}  // namespace

InSituWatch::InSituWatch(CatalystConfig config,
                         std::filesystem::path output,
                         Communicator const& ranks)
    : config_(std::move(config)), ranks_(ranks.duplicate()) {
  // A script made from the files of a rollout names its source after the one that it opened.
  auto const file = RolloutFolder(output).xdmf(config_.trajectory).filename().string();
  place_ = {.output = std::move(output), .channels = {kChannel, file}};
}

void InSituWatch::check(FieldSet const& fields, int64_t count) const {
  if (!config_.is_on()) {
    return;
  }
  check_catalyst(config_);
  check_shown_fields(config_, fields);
  require(config_.trajectory < count,
          "catalyst.trajectory is ",
          config_.trajectory,
          "; this run has 0 to ",
          count - 1);
}

void InSituWatch::show(int64_t step, State const& state, int64_t index) {
  if (!sink_) {
    auto const open = [this](Communicator const& ranks) {
      return open_catalyst(config_, place_, ranks);
    };
    sink_.emplace(config_, state.spec, index, open, ranks_);
  }
  sink_->write(step, state);
}

void InSituWatch::finish(Communicator const& world) {
  if (!config_.is_on()) {
    return;
  }
  auto const cost = sink_ ? sink_->cost() : InSituCost{};
  auto const complaints = world.all_gather(sink_ ? sink_->complaint() : "");
  auto const shows =
      std::ranges::find_if(complaints, [](auto const& text) { return !text.empty(); });
  if (complaints.front().empty() && shows != complaints.end()) {  // said by a rank without the file
    write_log_file(LogLevel::warning, *shows);
  }
  sink_.reset();
  auto const seconds = world.all_reduce(cost.seconds, Reduction::max);
  auto const frames = world.all_reduce(cost.frames, Reduction::max);
  auto const bytes = world.all_reduce(cost.bytes);
  auto const run = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  log_line(fmt::format("in situ {:.1f} % of the run: {} frames in {:.2f} s, {:.1f} MiB handed over",
                       100 * seconds / run,
                       frames,
                       seconds,
                       static_cast<double>(bytes) / 0x1p20));
}

}  // namespace eddyline
