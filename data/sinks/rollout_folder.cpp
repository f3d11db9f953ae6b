#include "data/sinks/rollout_folder.hpp"

#include <fmt/format.h>

#include <charconv>
#include <functional>

#include <ATen/ATen.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/hdf5/file.hpp"
#include "data/sinks/constants_file.hpp"
#include "data/sinks/master_file.hpp"
#include "data/sinks/segment_file.hpp"

namespace eddyline {
namespace {

constexpr char const* kSegment = "segment-";
constexpr char const* kSuffix = ".h5";

/// The step in "segment-00000050.h5"; none for other names.
std::optional<int64_t> step_of(std::string const& name) {
  auto const prefix = std::string(kSegment).size();
  if (!name.starts_with(kSegment) || !name.ends_with(kSuffix)) {
    return {};
  }
  int64_t step = 0;
  auto const* end = name.data() + name.size() - std::string(kSuffix).size();
  auto const [stop, error] = std::from_chars(name.data() + prefix, end, step);
  return error == std::errc() && stop == end ? std::optional(step) : std::nullopt;
}

/// Of the numbers of a frame, which are all of one type.
at::ScalarType type_of_frame(Hdf5Group const& segment, int64_t step) {
  auto const frame = segment.open_group(step_group(step).substr(1));
  auto const names = frame.data_sets();
  return names.empty() ? at::kFloat : type_of(frame.open_data_set(names.front()));
}

/// Step of the last frame in a segment. A run that diverged leaves one beyond its restart.
int64_t last_frame(std::filesystem::path const& segment) {
  auto const steps = Hdf5File::open(segment).open_data_set("steps").read_numbers();
  return steps.empty() ? -1 : static_cast<int64_t>(steps.back());
}

}  // namespace

std::filesystem::path RolloutFolder::trajectory(int64_t trajectory) const {
  return path_ / fmt::format("trajectory-{:05d}", trajectory);
}

std::filesystem::path RolloutFolder::xdmf(int64_t trajectory) const {
  return path_ / fmt::format("trajectory-{:05d}.xdmf", trajectory);
}

std::string RolloutFolder::relative_segment(int64_t trajectory, int64_t first_step) const {
  return fmt::format("trajectory-{:05d}/{}{:08d}{}", trajectory, kSegment, first_step, kSuffix);
}

std::filesystem::path RolloutFolder::segment(int64_t trajectory, int64_t first_step) const {
  return path_ / relative_segment(trajectory, first_step);
}

std::vector<int64_t> RolloutFolder::segments(int64_t trajectory) const {
  std::vector<int64_t> steps;
  std::error_code missing;
  for (auto const& entry :
       std::filesystem::directory_iterator(this->trajectory(trajectory), missing)) {
    if (auto const step = step_of(entry.path().filename().string())) {
      steps.push_back(*step);
    }
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::vector<XdmfFrame> RolloutFolder::frames(int64_t trajectory) const {
  std::vector<XdmfFrame> all;
  for (auto const first : segments(trajectory)) {
    auto const file = Hdf5File::open(segment(trajectory, first));
    auto const steps = file.open_data_set("steps").read_numbers();
    auto const times = file.open_data_set("times").read_numbers();
    require(steps.size() == times.size(),
            "segment '",
            segment(trajectory, first).string(),
            "' lists ",
            steps.size(),
            " steps and ",
            times.size(),
            " times; remove it and later ones, then resume");
    auto const type = steps.empty() ? at::kFloat : type_of_frame(file, first);
    for (size_t i = 0; i < steps.size(); ++i) {
      all.push_back(
          {static_cast<int64_t>(steps[i]), times[i], relative_segment(trajectory, first), type});
    }
  }
  return all;
}

std::vector<int64_t> RolloutFolder::restart_steps(int64_t trajectory, size_t most) const {
  auto const firsts = segments(trajectory);
  std::vector<int64_t> steps;
  for (auto first = firsts.rbegin(); first != firsts.rend() && steps.size() < most; ++first) {
    auto const file = Hdf5File::open(segment(trajectory, *first));
    steps.push_back(file.open_group("restart").read_integer("step"));
  }
  return steps;
}

std::optional<int64_t> RolloutFolder::last_step(int64_t trajectory) const {
  auto const steps = restart_steps(trajectory, 1);
  return steps.empty() ? std::nullopt : std::optional(steps.front());
}

void RolloutFolder::drop_after(int64_t trajectory, int64_t step) const {
  std::error_code missing;
  std::vector<std::filesystem::path> doomed;
  for (auto const& entry :
       std::filesystem::directory_iterator(this->trajectory(trajectory), missing)) {
    auto const first = step_of(entry.path().filename().string());
    if (!first || *first > step || last_frame(entry.path()) > step) {
      doomed.push_back(entry.path());
    }
  }
  for (auto const& path : doomed) {
    std::filesystem::remove(path, missing);
  }
}

Restart RolloutFolder::restart(int64_t trajectory, int64_t step, Block const* block) const {
  for (auto const first : segments(trajectory)) {
    auto const path = segment(trajectory, first);
    if (Hdf5File::open(path).open_group("restart").read_integer("step") == step) {
      return read_restart(path, block);
    }
  }
  throw Error(concat("no segment of '",
                     this->trajectory(trajectory).string(),
                     "' ends at step ",
                     step,
                     "; run again with --overwrite"));
}

void RolloutFolder::write_xdmf(int64_t trajectory, RolloutDescription const& description) const {
  write_text(xdmf(trajectory),
             xdmf_head(description) +
                 xdmf_frames(description, frames(trajectory), master().filename().string()) +
                 kXdmfTail);
}

void RolloutFolder::describe(RolloutDescription const& description,
                             Block const& block,
                             Communicator const* sharing) const {
  auto const once = [&](std::function<void()> const& action) {
    sharing == nullptr ? action() : sharing->together([&] {
      if (sharing->is_root()) {
        action();
      }
    });
  };
  once([&] {
    std::error_code problem;
    for (size_t i = 0; i < description.trajectories.size(); ++i) {
      auto const folder = trajectory(static_cast<int64_t>(i));
      std::filesystem::create_directories(folder, problem);
      expect_machine(!problem, "cannot make folder '", folder.string(), "': ", problem.message());
    }
  });
  write_constants(*this, description, block, sharing);
  once([&] { write_master(*this, description, FrameLinks::none); });
}

RolloutDescription RolloutFolder::description() const {
  return with_context(
      [&] { return read_master(master()); }, "reading the rollout in '", path_.string(), "'");
}

void RolloutFolder::link_frames() const {
  write_master(*this, description(), FrameLinks::all);
}

}  // namespace eddyline
