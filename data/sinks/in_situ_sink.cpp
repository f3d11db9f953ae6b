#include "data/sinks/in_situ_sink.hpp"

#include <algorithm>
#include <exception>
#include <tuple>

#include <ATen/ATen.h>

#include "core/ending.hpp"
#include "core/entries.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "data/sinks/neighbour_layers.hpp"

namespace eddyline {
namespace {

constexpr int64_t kShared = 1;  // layer of points between two blocks

/// The names asked for, each with its truth and error where there are some; all if none is asked.
std::vector<std::string> shown_fields(std::vector<std::string> const& asked,
                                      FieldSet const& fields) {
  std::vector<std::string> names;
  for (auto const& field : fields.fields()) {
    auto const is_asked = [&](std::string const& name) {
      return field.name == name || field.name == name + "_truth" || field.name == name + "_error";
    };
    if (asked.empty() || std::ranges::any_of(asked, is_asked)) {
      names.push_back(field.name);
    }
  }
  return names;
}

int64_t bytes_of(InSituFrame const& frame) {
  int64_t bytes = 0;
  for (auto const& array : frame.arrays) {
    bytes += static_cast<int64_t>(array.values.nbytes());
  }
  return bytes;
}

}  // namespace

void check(CatalystConfig const& config) {
  require(config.every >= 1, "catalyst.every is ", config.every, "; it must be at least 1");
  require(config.patience > 0,
          "catalyst.patience is ",
          config.patience,
          "; it must be above 0, in seconds");
  require(config.ghosts >= 0, "catalyst.ghosts is ", config.ghosts, "; it must not be negative");
  require(config.trajectory >= 0,
          "catalyst.trajectory is ",
          config.trajectory,
          "; it must not be negative");
}

void check_shown_fields(CatalystConfig const& config, FieldSet const& fields) {
  with_context([&] { fields.select(config.fields); }, "reading catalyst.fields");
}

InSituSink::InSituSink(CatalystConfig config,
                       std::shared_ptr<StateSpec const> spec,
                       int64_t index,
                       Opening open,
                       Communicator const& ranks)
    : config_(std::move(config)),
      spec_(std::move(spec)),
      index_(index),
      open_(std::move(open)),
      ranks_(ranks.duplicate()),
      channels_(spec_->fields.channels_of(shown_fields(config_.fields, spec_->fields))),
      scene_(spec_->fields.select(shown_fields(config_.fields, spec_->fields)), spec_->grid) {
  check(config_);
  check_shown_fields(config_, spec_->fields);
}

void InSituSink::write(int64_t step, State const& state) {
  if (is_over_ || step % config_.every != 0) {
    return;
  }
  auto const start = std::chrono::steady_clock::now();
  show(step, state);
  cost_.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ++cost_.frames;
  cost_.bytes += bytes_of(shown_);
}

InSitu::Result InSituSink::shown_by_view(InSituFrame const& frame) {
  try {
    if (view_ == nullptr) {
      view_ = open_(ranks_);
    }
    return view_->show(frame);
  } catch (...) {
    return {InSitu::Ending::failed, ending_of(std::current_exception()).text};
  }
}

void InSituSink::refuse_waiting(std::string const& words) {
  std::ignore = view_.release();  // to close it would wait for the others, too
  throw Failure(concat("ParaView could not show the run: ",
                       words,
                       "; other ranks wait for this one inside ParaView and did not come out of it "
                       "within ",
                       config_.patience,
                       " s (catalyst.patience), so the run cannot go on"));
}

void InSituSink::show(int64_t step, State const& state) {
  auto next = frame_of(step, state);
  auto const result = shown_by_view(next);
  if (result.ending == InSitu::Ending::stuck) {
    refuse_waiting(result.words);
  }
  std::chrono::duration<double> const patience(config_.patience);
  try {
    ranks_.collectively(
        [&] { expect_machine(result.ending == InSitu::Ending::done, result.words); },
        std::chrono::duration_cast<std::chrono::milliseconds>(patience));
  } catch (Exception const& problem) {
    if (problem.spread() == Spread::one_rank && ranks_.size() > 1) {
      refuse_waiting(result.words);
    }
    auto const worst = ranks_.all_reduce(static_cast<int64_t>(result.ending), Reduction::max);
    report(problem.what(), std::min(static_cast<InSitu::Ending>(worst), InSitu::Ending::failed));
  }
  shown_ = std::move(next);
}

void InSituSink::report(std::string const& words, InSitu::Ending ending) {
  is_over_ = ending == InSitu::Ending::failed;
  if (config_.on_error == InSituError::stops) {
    throw Failure(
        concat("ParaView could not show the run: ", words, "; catalyst.on_error is stop"));
  }
  if (!said_.insert(ending).second) {
    return;
  }
  auto const text = concat(
      "ParaView could not show the run: ",
      words,
      is_over_ ? "; the run goes on and shows no more (catalyst.on_error=stop would end it)"
               : "; the run goes on, and this is said once (catalyst.on_error=stop would end it)");
  if (ranks_.is_root()) {  // the rank that writes the log may show no trajectory
    write_from_any_rank(LogLevel::warning, text);
  }
  complaint_ += (complaint_.empty() ? "" : "\n") + text;
}

at::Tensor InSituSink::chosen_channels(State const& state) const {
  return take_entries(state.values.select(0, index_).detach(), 0, channels_).to(at::kCPU);
}

InSituFrame InSituSink::frame_of(int64_t step, State const& state) const {
  auto const& block = spec_->block;
  auto const own = with_layers(block, 0, kShared);
  auto const held = with_layers(block, config_.ghosts, kShared + config_.ghosts);
  auto const values = with_neighbours(chosen_channels(state), block, held, ranks_);
  InSituFrame frame{.step = step,
                    .time = state.time,
                    .time_unit = spec_->time_unit,
                    .whole = scene_.shape(),
                    .own = scene_.box_in_scene(own),
                    .held = scene_.box_in_scene(held),
                    .is_uniform = scene_.is_uniform()};
  for (int slot = 0; slot < 3; ++slot) {
    auto const s = static_cast<size_t>(slot);
    auto const all = scene_.coordinates(slot);
    auto const first = all.begin() + frame.held.first[s];
    frame.coordinates[s].assign(first, first + frame.held.size[s]);
  }
  if (frame.is_uniform) {
    frame.origin = scene_.origin();
    frame.spacing = scene_.spacing();
  }
  for (auto const& field : scene_.fields()) {
    frame.arrays.push_back({field.name, field.units, scene_.to_scene(values, field)});
  }
  return frame;
}

}  // namespace eddyline
