#include "workflows/simulation/simulation.hpp"

#include <set>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "data/field/history.hpp"
#include "data/formats/well_statistics.hpp"
#include "data/formats/well_writer.hpp"
#include "solvers/registry.hpp"
#include "workflows/rollout/rollout.hpp"
#include "workflows/rollout/solver_division.hpp"
#include "workflows/rollout/watched_rollout.hpp"
#include "workflows/run_folder.hpp"
#include "workflows/simulation/split_sink.hpp"

namespace eddyline {
namespace {

struct NamedSplit {
  std::string name;
  SeedRange config;
};

std::vector<NamedSplit> splits_of(SimulationConfig const& config) {
  std::vector<NamedSplit> splits;
  for (auto const& split :
       {NamedSplit{"train", config.train}, {"valid", config.valid}, {"test", config.test}}) {
    require(split.config.trajectories >= 0,
            split.name,
            ".trajectories: ",
            split.config.trajectories,
            " must not be negative");
    if (split.config.trajectories > 0) {
      splits.push_back(split);
    }
  }
  return splits;
}

void check(SimulationConfig const& config) {
  require(!config.out.empty(), "out is missing: say which folder to write, out=FOLDER");
  require(config.save.first >= 0, "save.first: ", config.save.first, " must not be negative");
  require(config.save.every >= 1, "save.every: ", config.save.every, " must be at least 1");
  require(config.save.frames >= 1, "save.frames: ", config.save.frames, " must be at least 1");
  require(config.batch >= 1, "batch: ", config.batch, " must be at least 1");
  require(!splits_of(config).empty(), "no split has trajectories; set train.trajectories");
  std::map<uint64_t, std::string> seen;
  for (auto const& split : splits_of(config)) {
    for (int64_t i = 0; i < split.config.trajectories; ++i) {
      auto const seed = split.config.first_seed + static_cast<uint64_t>(i);
      auto const [place, is_new] = seen.emplace(seed, split.name);
      require(is_new,
              "seed ",
              seed,
              " is in both ",
              place->second,
              " and ",
              split.name,
              ": a model would be judged on what it has seen; set ",
              split.name,
              ".first_seed");
    }
  }
}

void prepare_folder(SimulationConfig const& config, OldData old_data) {
  auto const data = config.out / "data";
  auto const statistics = config.out / "stats.yaml";
  if (std::filesystem::exists(data) || std::filesystem::exists(statistics)) {
    require(old_data == OldData::replace,
            "'",
            config.out.string(),
            "' holds data already; give another folder as out, or replace it with --overwrite");
    std::filesystem::remove_all(data);
    std::filesystem::remove(statistics);
  }
  std::error_code error;
  for (auto const& split : splits_of(config)) {
    std::filesystem::create_directories(data / split.name, error);
    expect_machine(
        !error, "cannot make folder '", (data / split.name).string(), "': ", error.message());
  }
}

/// The solver on the seeds of this rank: names them in its errors, and keeps the others company
/// when there are none.
class SeedStepper final : public Stepper {
 public:
  SeedStepper(Solver& solver, std::vector<uint64_t> seeds)
      : solver_(solver), seeds_(std::move(seeds)) {}
  std::string name() const override { return solver_.name(); }
  int64_t history() const override { return solver_.history(); }
  double interval() const override { return solver_.interval(); }
  State advance(History& history) override {
    if (!seeds_.empty()) {
      return with_context([&] { return solver_.advance(history); }, "solving for seeds ", seeds_);
    }
    auto const newest = history.newest();
    history.push(newest.values, newest.time + interval());
    return history.newest();
  }

 private:
  Solver& solver_;
  std::vector<uint64_t> seeds_;
};

/// One split being made by all ranks: groups of ranks take contiguous trajectories.
class SplitRun {
 public:
  SplitRun(SimulationConfig const& config,
           NamedSplit const& split,
           Solver& solver,
           InSituWatch* in_situ,
           Mesh const& mesh)
      : config_(config),
        split_(split),
        solver_(solver),
        in_situ_(in_situ),
        mesh_(mesh),
        world_(mesh.world()),
        moments_(solver.spec()->fields.channels()) {
    auto const groups = mesh.data().size();
    auto const group = mesh.data().rank();
    first_ = split.config.trajectories * group / groups;
    end_ = split.config.trajectories * (group + 1) / groups;
    largest_share_ = (split.config.trajectories + groups - 1) / groups;
  }

  void make() {
    auto writer = open();
    RolloutProgress progress(split_.name,
                             static_cast<double>(split_.config.trajectories * last_frame()));
    // All groups go through as many rounds as the largest needs, since writing is collective.
    for (int64_t done = 0; done < largest_share_; done += config_.batch) {
      auto const first = std::min(first_ + done, end_);
      make_batch(writer, progress, first, std::min(config_.batch, end_ - first));
    }
    writer.finish();
    progress.finish();
  }

  SetMoments const& moments() const { return moments_; }

 private:
  WellWriter open() const {
    WellFileSpec spec{
        .dataset_name = config_.name.empty() ? config_.out.filename().string() : config_.name,
        .state = solver_.spec(),
        .parameters = solver_.parameters(),
        .trajectories = split_.config.trajectories};
    for (int64_t i = 0; i < config_.save.frames; ++i) {
      spec.times.push_back(static_cast<double>(config_.save.first + i * config_.save.every) *
                           solver_.interval());
    }
    for (int64_t i = 0; i < spec.trajectories; ++i) {
      spec.per_trajectory["seed"].push_back(
          static_cast<double>(split_.config.first_seed + static_cast<uint64_t>(i)));
    }
    auto const file = config_.out / "data" / split_.name / concat(config_.solver, ".hdf5");
    return WellWriter(file, std::move(spec), world_);
  }

  int64_t last_frame() const {
    return config_.save.first + (config_.save.frames - 1) * config_.save.every;
  }

  void make_batch(WellWriter& writer, RolloutProgress& progress, int64_t first, int64_t count) {
    std::vector<uint64_t> seeds;
    for (int64_t i = 0; i < count; ++i) {
      seeds.push_back(split_.config.first_seed + static_cast<uint64_t>(first + i));
    }
    auto const state = solver_.initial(seeds);
    History history(solver_.history(), solver_.spec());
    history.push(state.values, state.time);
    SeedStepper stepper(solver_, seeds);
    SplitSink sink(writer, moments_, config_.save, first);
    Rollout rollout(stepper,
                    {.steps = last_frame(),
                     .first = config_.save.first,
                     .every = config_.save.every,
                     .segment = config_.save.every},
                    world_);
    rollout.write_to(sink);
    if (in_situ_ != nullptr) {
      watch(rollout, TrajectoryShare(first, count), *in_situ_);
    }
    rollout.show(progress, static_cast<double>(world_.all_reduce(count)) / mesh_.domain().size());
    rollout.run(history);
  }

  SimulationConfig const& config_;
  NamedSplit const& split_;
  Solver& solver_;
  InSituWatch* in_situ_;  ///< null: this split is not shown
  Mesh const& mesh_;
  Communicator const& world_;
  SetMoments moments_;
  int64_t first_ = 0;
  int64_t end_ = 0;
  int64_t largest_share_ = 0;
};

void write_statistics(std::filesystem::path const& path,
                      SetMoments const& moments,
                      FieldSet const& fields,
                      Communicator const& world) {
  auto const values = moments.values.result(world);
  auto const deltas = moments.deltas.result(world);
  auto const by_field = [&](std::vector<double> const& channels) {
    WellStatistics::Moments map;
    for (size_t i = 0; i < fields.fields().size(); ++i) {
      auto const begin = channels.begin() + fields.first_channel(i);
      map[fields.fields()[i].name] = {begin, begin + fields.fields()[i].count()};
    }
    return map;
  };
  WellStatistics statistics{
      .mean = by_field(values.mean), .std = by_field(values.std), .rms = by_field(values.rms)};
  statistics.mean_delta = by_field(deltas.mean);
  statistics.std_delta = by_field(deltas.std);
  statistics.rms_delta = by_field(deltas.rms);
  world.together([&] {
    if (world.is_root()) {
      write_well_statistics(path, statistics, fields);
    }
  });
}

}  // namespace

void simulate(SimulationConfig const& config,
              OldData old_data,
              Communicator const& world,
              std::vector<std::string> const& arguments) {
  check(config);
  auto const mesh = make_mesh(config.parallel, world);
  auto const solver = solver_entry(config.solver).make(config.settings.text, mesh->domain());
  auto const splits = splits_of(config);
  InSituWatch in_situ(config.catalyst, config.out / "catalyst", mesh->domain());
  world.together([&] {
    in_situ.check(solver->spec()->fields, splits.front().config.trajectories);
    if (world.is_root()) {
      prepare_folder(config, old_data);
    }
  });
  Manifest manifest{.verb = "simulate", .arguments = arguments};
  for (auto const& split : splits_of(config)) {
    manifest.seeds[split.name] = static_cast<int64_t>(split.config.first_seed);
  }
  begin_record(
      RunFiles::in(config.out), print_config(config), manifest, Existing::overwrite, world);
  announce_division(*solver, *mesh);
  for (auto const& split : splits) {
    bool const is_shown = split.name == splits.front().name;
    SplitRun run(config, split, *solver, is_shown ? &in_situ : nullptr, *mesh);
    run.make();
    if (split.name == "train") {
      write_statistics(config.out / "stats.yaml", run.moments(), solver->spec()->fields, world);
    }
  }
  in_situ.finish(world);
  log_line("wrote ", config.out.string(), ": ", solver->spec()->grid.describe());
}

}  // namespace eddyline
