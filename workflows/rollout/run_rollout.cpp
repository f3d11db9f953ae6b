#include "workflows/rollout/run_rollout.hpp"

#include <limits>

#include <ATen/ATen.h>

#include "core/log.hpp"
#include "core/signals.hpp"
#include "data/sinks/master_file.hpp"
#include "workflows/rollout/rollout_source.hpp"

namespace eddyline {
namespace {

/// Takes part in a rollout's meetings on a rank that has no trajectory in a group.
class IdleStepper final : public Stepper {
 public:
  explicit IdleStepper(std::string company) : company_(std::move(company)) {}
  std::string name() const override { return company_; }
  int64_t history() const override { return 1; }
  double interval() const override { return 1; }
  State advance(History& history) override { return history.newest(); }

 private:
  std::string company_;  ///< the others' stepper: messages name it on every rank
};

RolloutStart idle_start(std::string const& company) {
  History history(1, nullptr);
  history.push(at::zeros({1, 1, 1, 1, 1}), 0);
  return {std::make_unique<IdleStepper>(company), std::move(history), {}};
}

std::filesystem::path output_folder(RolloutConfig const& config) {
  if (!config.out.empty()) {
    return config.out;
  }
  require(!config.model.empty(), "out is empty; name the folder to write");
  auto const folder = std::filesystem::path(config.model).parent_path();
  return (folder.filename() == "checkpoints" ? folder.parent_path() : folder) / "rollout";
}

/// Makes or checks the folder on rank 0.
void prepare_folder(RolloutFolder const& folder,
                    RolloutDescription const& description,
                    Existing existing) {
  auto const& path = folder.path();
  if (!std::filesystem::exists(path)) {
    folder.describe(description);
    return;
  }
  require(existing != Existing::refuse,
          "folder '",
          path.string(),
          "' exists; go on in it with --resume, replace it with --overwrite, "
          "or set out to another");
  require(is_master(folder.master()) || std::filesystem::is_empty(path),
          "folder '",
          path.string(),
          "' is not a rollout's; it is not touched, set out to another");
  if (existing == Existing::overwrite || !std::filesystem::exists(folder.master())) {
    std::filesystem::remove_all(path);
    folder.describe(description);
    return;
  }
  require(folder.description().continues(description),
          "the rollout in '",
          path.string(),
          "' is of other data, fields or trajectories; it cannot go on, use --overwrite or another "
          "out");
}

TrajectoryShare share_of(int64_t trajectories, Communicator const& ranks) {
  auto const first = trajectories * ranks.rank() / ranks.size();
  return {first, trajectories * (ranks.rank() + 1) / ranks.size() - first};
}

/// The step that all trajectories of a group can go on from; none if one has no segment.
std::optional<int64_t> resume_step(RolloutFolder const& folder,
                                   TrajectoryShare share,
                                   Communicator const& ranks) {
  constexpr int64_t kNone = -1;
  auto step = std::numeric_limits<int64_t>::max();
  ranks.together([&] {
    for (int64_t i = 0; i < share.count; ++i) {
      step = std::min(step, folder.last_step(share.first + i).value_or(kNone));
    }
  });
  step = ranks.all_reduce(step, Reduction::min);
  return step == kNone ? std::nullopt : std::optional(step);
}

/// Puts the frames of closed segments into the history instead of the given ones.
void restore(RolloutStart& start,
             RolloutFolder const& folder,
             TrajectoryShare share,
             int64_t step) {
  std::vector<at::Tensor> windows;
  Restart restart;
  for (int64_t i = 0; i < share.count; ++i) {
    auto one = folder.restart(share.first + i, step);
    windows.push_back(one.window);
    restart = i == 0 ? one : restart;
  }
  auto const given = start.history.newest();
  auto const window = at::cat(windows).to(given.values.device());
  History history(start.history.capacity(), start.history.spec());
  for (int64_t t = 0; t < window.size(1); ++t) {
    history.push(window.select(1, t), restart.times[static_cast<size_t>(t)]);
  }
  start.history = std::move(history);
  start.stepper->load(restart.memory);
}

/// Rolls one group out; ranks without a trajectory in it keep the others company.
RolloutEnding roll_group(RolloutSource& source,
                  RolloutFolder const& folder,
                  TrajectoryShare share,
                  RolloutConfig const& config,
                  Communicator const& ranks) {
  auto const from = resume_step(folder, share, ranks);
  RolloutPlan const plan{.steps = config.steps,
                         .from = from.value_or(0),
                         .every = config.every,
                         .segment = config.segment};
  if (from && *from >= config.steps) {
    return RolloutEnding::finished;
  }
  std::optional<RolloutStart> start;
  std::optional<RolloutSink> sink;
  ranks.together([&] {
    start = share.count > 0 ? source.start(share) : idle_start(source.description().made_by);
    if (share.count > 0) {
      if (from && *from > 0) {
        restore(*start, folder, share, *from);
      }
      sink.emplace(folder, source.description(), share, from && *from > 0 ? from : std::nullopt);
    }
  });
  Rollout rollout(*start->stepper, plan, ranks);
  rollout.set_view(start->view);
  if (sink) {
    rollout.write_to(*sink);
  }
  rollout.stop_when([] { return stop_requested(); });
  return rollout.run(start->history);
}

/// Links all frames into rollout.h5, also when the run ends early.
void finish(RolloutFolder const& folder, Communicator const& ranks) {
  ranks.together([&] {
    if (ranks.is_root()) {
      folder.link_frames();
    }
  });
}

}  // namespace

ExitCode run_rollout(RolloutConfig const& config, Existing existing, Communicator const& world) {
  require(config.model.empty() != config.solver.empty(),
          "name a model or a solver: model=runs/<name>/checkpoints/best.h5 or "
          "solver=diffusion_reaction");
  require(config.steps >= 1, "steps is ", config.steps, "; it must be at least 1");
  auto source =
      config.model.empty() ? make_solver_source(config) : make_model_source(config, world);
  auto const description = source->description();
  RolloutFolder const folder(output_folder(config));
  world.together([&] {
    if (world.is_root()) {
      prepare_folder(folder, description, existing);
    }
  });
  StopFlag const stop;
  auto const mine = share_of(static_cast<int64_t>(description.trajectories.size()), world);
  auto const most = world.all_reduce(mine.count, Reduction::max);
  auto const batch = config.batch > 0 ? std::min(config.batch, most) : most;
  log_line("rolling out ",
           description.trajectories.size(),
           " trajectories by ",
           config.steps,
           " steps with '",
           description.made_by,
           "' into '",
           folder.path().string(),
           "'");
  for (int64_t first = 0; first < most; first += batch) {
    TrajectoryShare const share{mine.first + std::min(first, mine.count),
                                std::clamp<int64_t>(mine.count - first, 0, batch)};
    try {
      if (roll_group(*source, folder, share, config, world) == RolloutEnding::stopped) {
        finish(folder, world);
        log_line("stopped; go on with --resume");
        return ExitCode::stopped;
      }
    } catch (Diverged const&) {
      finish(folder, world);
      throw;
    }
  }
  finish(folder, world);
  log_line("done: open '",
           std::filesystem::absolute(folder.xdmf(0)).string(),
           "' in ParaView, or '",
           folder.master().string(),
           "' with h5py");
  return ExitCode::done;
}

}  // namespace eddyline
