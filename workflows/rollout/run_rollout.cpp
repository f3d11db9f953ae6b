#include "workflows/rollout/run_rollout.hpp"

#include <algorithm>
#include <map>
#include <span>

#include <ATen/ATen.h>

#include "core/log.hpp"
#include "core/memory_room.hpp"
#include "core/signals.hpp"
#include "data/formats/cf_writer.hpp"
#include "data/formats/rollout_reader.hpp"
#include "data/sinks/master_file.hpp"
#include "workflows/rollout/grouping.hpp"
#include "workflows/rollout/rollout_source.hpp"
#include "workflows/rollout/watched_rollout.hpp"

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
  return run_folder_of(config.adapter.empty() ? config.model : config.adapter) / "rollout";
}

/// Clears or checks the folder on rank 0. \return  true if the rollout is to be described anew
bool begins_anew(RolloutFolder const& folder,
                 RolloutDescription const& description,
                 Existing existing) {
  auto const& path = folder.path();
  if (!std::filesystem::exists(path)) {
    return true;
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
    return true;
  }
  require(folder.description().continues(description),
          "the rollout in '",
          path.string(),
          "' is of other data, fields or trajectories; it cannot go on, use --overwrite or another "
          "out");
  return false;
}

/// Clears or checks the folder; where the rollout begins, the ranks that share its first
/// trajectories write down what it is. Collective.
void prepare_rollout_folder(RolloutFolder const& folder,
                            RolloutSource const& source,
                            Existing existing,
                            Mesh const& mesh) {
  auto const& world = mesh.world();
  auto const description = source.description();
  int64_t begins = 0;
  world.together([&] {
    begins = static_cast<int64_t>(world.is_root() && begins_anew(folder, description, existing));
  });
  if (world.all_reduce(begins, Reduction::max) > 0) {
    world.collectively([&] {
      if (mesh.data().is_root()) {
        folder.describe(description, source.block(), mesh.is_split() ? &mesh.domain() : nullptr);
      }
    });
  }
}

/// Where each trajectory of the folder can go on.
std::vector<ResumePoints> resume_points(RolloutFolder const& folder,
                                        size_t trajectories,
                                        Communicator const& ranks) {
  constexpr size_t kPoints = 2;
  std::vector<int64_t> steps(kPoints * trajectories, 0);
  ranks.together([&] {
    for (auto b = static_cast<size_t>(ranks.rank()); b < trajectories;
         b += static_cast<size_t>(ranks.size())) {
      std::ranges::copy(folder.restart_steps(static_cast<int64_t>(b), kPoints),
                        steps.begin() + static_cast<std::ptrdiff_t>(kPoints * b));
    }
  });
  ranks.all_reduce(std::span(steps));
  std::vector<ResumePoints> points;
  for (size_t b = 0; b < trajectories; ++b) {
    points.push_back({steps[kPoints * b], steps[kPoints * b + 1]});
  }
  return points;
}

/// Puts the frames of closed segments into the history instead of the given ones.
void restore(RolloutStart& start,
             RolloutFolder const& folder,
             TrajectoryShare const& share,
             int64_t step) {
  std::vector<at::Tensor> windows;
  std::vector<double> times;
  std::map<std::string, std::vector<at::Tensor>> parts;
  auto const given = start.history.newest();
  auto const* const block =
      given.spec && !given.spec->block.is_whole() ? &given.spec->block : nullptr;
  for (int64_t i = 0; i < share.count(); ++i) {
    auto const one = folder.restart(share[i], step, block);
    windows.push_back(one.window);
    times = one.times;
    for (auto const& [name, value] : one.memory) {
      parts[name].push_back(value);
    }
  }
  auto const window = at::cat(windows).to(given.values.device());
  History history(start.history.capacity(), start.history.spec());
  for (int64_t t = 0; t < window.size(1); ++t) {
    history.push(window.select(1, t), times[static_cast<size_t>(t)]);
  }
  start.history = std::move(history);
  std::map<std::string, at::Tensor> memory;
  for (auto const& [name, values] : parts) {
    memory[name] = at::cat(values);
  }
  start.stepper->load(memory);
}

/// What all groups of a rollout have in common.
struct Job {
  RolloutSource& source;
  RolloutFolder const& folder;
  RolloutConfig const& config;
  StopFlag& stop;
  Mesh const& mesh;
  InSituWatch& in_situ;

  Communicator const& ranks() const { return mesh.world(); }
};

/// The same on all ranks.
int64_t segment_steps(Job const& job, TrajectoryShare const& share, History const& history) {
  auto const channels = job.source.description().fields.channels();
  auto const element = elementSize(stored_type(history.newest().values.scalar_type()));
  auto const frame =
      share.count() * channels * job.source.block().box.cells() * static_cast<int64_t>(element);
  return segment_steps(job.config, job.ranks().all_reduce(frame, Reduction::max));
}

int64_t trajectories_of(RolloutGroup const& group) {
  int64_t count = 0;
  for (auto const& share : group.shares) {
    count += share.count();
  }
  return count;
}

/// Rolls one group out; ranks without a trajectory in it keep the others company.
RolloutEnding roll_group(Job const& job, RolloutGroup const& group, RolloutProgress& progress) {
  auto const& config = job.config;
  auto const& ranks = job.ranks();
  auto const& share = group.shares[static_cast<size_t>(job.mesh.data().rank())];
  std::optional<RolloutStart> start;
  std::optional<RolloutSink> sink;
  ranks.collectively([&] {
    if (share.count() == 0) {
      start = idle_start(job.source.description().made_by);
      return;
    }
    start = job.source.start(share);
    if (group.from > 0) {
      restore(*start, job.folder, share, group.from);
    }
    sink.emplace(job.folder,
                 job.source.description(),
                 share,
                 group.from > 0 ? std::optional(group.from) : std::nullopt,
                 job.mesh.is_split() ? &job.mesh.domain() : nullptr);
  });
  RolloutPlan const plan{.steps = config.steps,
                         .from = group.from,
                         .every = config.every,
                         .segment = segment_steps(job, share, start->history)};
  Rollout rollout(*start->stepper, plan, ranks);
  rollout.set_view(start->view);
  if (sink) {
    rollout.split_over(job.mesh.group());
  }
  rollout.show(progress, static_cast<double>(trajectories_of(group)));
  if (sink) {
    rollout.write_to(*sink);
  }
  watch(rollout, share, job.in_situ);
  rollout.stop_when([&] { return job.stop.raised(); });
  return rollout.run(start->history);
}

Manifest manifest_of(RolloutConfig const& config,
                     RolloutDescription const& description,
                     std::vector<std::string> const& arguments) {
  Manifest manifest{.verb = "rollout", .arguments = arguments};
  if (config.model.empty()) {
    manifest.seeds = {{"first", config.seeds.front()}};
  } else {
    manifest.data = {config.model, description.facts["data"].get<std::string>()};
    if (!config.adapter.empty()) {
      manifest.data.emplace_back(config.adapter);
    }
  }
  return manifest;
}

/// Links all frames into rollout.h5, also when the run ends early.
void finish(RolloutFolder const& folder, Communicator const& ranks) {
  ranks.together([&] {
    if (ranks.is_root()) {
      folder.link_frames();
    }
  });
}

/// Trajectories that step together share the times of their first, which would be wrong dates.
void check_dates(RolloutConfig const& config, RolloutDescription const& description) {
  require(!config.netcdf || config.batch == 1 || description.time_origin.empty() ||
              description.trajectories.size() == 1,
          "netcdf writes dates, but the ",
          description.trajectories.size(),
          " trajectories of '",
          description.name,
          "' step together and would get those of the first; set batch=1");
}

/// All frames as one file of the CF conventions, for other programs.
void write_netcdf(RolloutFolder const& folder,
                  RolloutDescription const& description,
                  Communicator const& ranks) {
  ranks.together([&] {
    if (!ranks.is_root()) {
      return;
    }
    auto const reader = open_rollout({.path = folder.path()});
    auto const path = folder.path() / "forecast.nc";
    write_cf_netcdf(*reader,
                    path,
                    {.title = description.name,
                     .source = description.made_by,
                     .lead_times = CfLeadTimes::from_first_frame});
    log_line("all frames are in '", path.string(), "' too");
  });
}

/// Rolls out all trajectories that are not done, group by group.
RolloutEnding roll_out(Job const& job) {
  auto const& ranks = job.ranks();
  auto const points =
      resume_points(job.folder, job.source.description().trajectories.size(), ranks);
  auto const groups = group_trajectories(
      points,
      {.steps = job.config.steps, .batch = job.config.batch, .ranks = job.mesh.data().size()});
  int64_t frames = 0;
  for (auto const& group : groups) {
    frames += trajectories_of(group) * (job.config.steps - group.from);
  }
  RolloutProgress progress("rollout", static_cast<double>(frames));
  auto ending = RolloutEnding::finished;
  try {
    for (size_t i = 0; i < groups.size() && ending == RolloutEnding::finished; ++i) {
      ending = roll_group(job, groups[i], progress);
    }
  } catch (Diverged const&) {
    finish(job.folder, ranks);
    throw;
  }
  finish(job.folder, ranks);
  progress.finish();
  return ending;
}

}  // namespace

ExitCode run_rollout(RolloutConfig const& config,
                     Existing existing,
                     Communicator const& world,
                     std::vector<std::string> const& arguments) {
  StopFlag stop;
  require(config.model.empty() != config.solver.empty(),
          "name a model or a solver: model=runs/<name>/checkpoints/best.h5 or "
          "solver=diffusion_reaction");
  require(config.adapter.empty() || !config.model.empty(),
          "adapter adapts a network; name its base in model, or leave it out");
  require(config.steps >= 1, "steps is ", config.steps, "; it must be at least 1");
  require(config.segment_mib > 0, "segment_mib is ", config.segment_mib, "; it must be above 0");
  auto const mesh = make_mesh(config.parallel, world);
  auto source =
      config.model.empty() ? make_solver_source(config, mesh) : make_model_source(config, mesh);
  auto const description = source->description();
  check_dates(config, description);
  RolloutFolder const folder(output_folder(config));
  InSituWatch in_situ(config.catalyst, folder.path() / "catalyst", mesh->domain());
  in_situ.stop_when([&stop] { return stop.raised(); });
  world.together([&] {
    in_situ.check(description.fields, static_cast<int64_t>(description.trajectories.size()));
  });
  prepare_rollout_folder(folder, *source, existing, *mesh);
  begin_record(RunFiles::in(folder.path()),
               print_config(config),
               manifest_of(config, description, arguments),
               existing,
               world);
  if (world.is_root()) {
    stop.watch(folder.path() / "STOP");
  }
  log_line("rolling out ",
           description.trajectories.size(),
           " trajectories by ",
           config.steps,
           " steps with '",
           description.made_by,
           "' into '",
           folder.path().string(),
           "'");
  auto const ending = roll_out({*source, folder, config, stop, *mesh, in_situ});
  in_situ.finish(world);
  log_peak_memory(world);
  if (ending == RolloutEnding::stopped) {
    log_line("stopped by ", stop.cause(world), "; go on with --resume");
    return ExitCode::stopped;
  }
  if (config.netcdf) {
    write_netcdf(folder, description, world);
  }
  log_line("done: open '",
           std::filesystem::absolute(folder.xdmf(0)).string(),
           "' in ParaView, or '",
           folder.master().string(),
           "' with h5py");
  return ExitCode::done;
}

}  // namespace eddyline
