#include "workflows/simulation/simulation.hpp"

#include <chrono>
#include <set>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "data/field/history.hpp"
#include "data/formats/well_statistics.hpp"
#include "data/formats/well_writer.hpp"
#include "solvers/registry.hpp"
#include "workflows/simulation/running_moments.hpp"

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

void check(SimulationConfig const& config, Communicator const& world) {
  require(!config.out.empty(), "out is missing: say which folder to write, out=FOLDER");
  require(config.save.first >= 0, "save.first: ", config.save.first, " must not be negative");
  require(config.save.every >= 1, "save.every: ", config.save.every, " must be at least 1");
  require(config.save.frames >= 1, "save.frames: ", config.save.frames, " must be at least 1");
  require(config.batch >= 1, "batch: ", config.batch, " must be at least 1");
  require(config.ranks_per_trajectory >= 1 && world.size() % config.ranks_per_trajectory == 0,
          "ranks_per_trajectory: ",
          config.ranks_per_trajectory,
          " does not divide the ",
          world.size(),
          " ranks of this run");
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

/// The moments that stats.yaml holds.
struct SetMoments {
  explicit SetMoments(int64_t channels) : values(channels), deltas(channels) {}
  RunningMoments values;
  RunningMoments deltas;
};

/// One split being made by all ranks: groups of ranks take contiguous trajectories.
class SplitRun {
 public:
  SplitRun(SimulationConfig const& config,
           NamedSplit const& split,
           Solver& solver,
           Communicator const& world)
      : config_(config),
        split_(split),
        solver_(solver),
        world_(world),
        moments_(solver.spec()->fields.channels()) {
    auto const groups = world.size() / config.ranks_per_trajectory;
    auto const group = world.rank() / config.ranks_per_trajectory;
    first_ = split.config.trajectories * group / groups;
    end_ = split.config.trajectories * (group + 1) / groups;
    largest_share_ = (split.config.trajectories + groups - 1) / groups;
  }

  void make() {
    auto writer = open();
    // All groups go through as many rounds as the largest needs, since writing is collective.
    for (int64_t done = 0; done < largest_share_; done += config_.batch) {
      auto const first = std::min(first_ + done, end_);
      auto const count = std::min(config_.batch, end_ - first);
      make_batch(writer, first, count);
      report(std::min(done + config_.batch, largest_share_));
    }
    writer.finish();
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

  void make_batch(WellWriter& writer, int64_t first, int64_t count) {
    std::vector<uint64_t> seeds;
    for (int64_t i = 0; i < count; ++i) {
      seeds.push_back(split_.config.first_seed + static_cast<uint64_t>(first + i));
    }
    auto state = solver_.initial(seeds);
    History history(solver_.history(), solver_.spec());
    history.push(state.values, state.time);
    at::Tensor previous;
    auto const last = config_.save.first + (config_.save.frames - 1) * config_.save.every;
    for (int64_t frame = 0; frame <= last; ++frame) {
      world_.together([&] {
        if (frame > 0 && count > 0) {
          state = with_context([&] { return solver_.advance(history); },
                               "making frame ",
                               frame,
                               " of seeds ",
                               seeds);
        }
      });
      auto const since = frame - config_.save.first;
      if (since < 0 || since % config_.save.every != 0) {
        continue;
      }
      auto const written = state.values.to(at::kFloat);
      writer.write(first, since / config_.save.every, {written, state.time, state.spec});
      moments_.values.add(written);
      if (previous.defined()) {
        moments_.deltas.add(written.to(at::kDouble) - previous.to(at::kDouble));
      }
      previous = written;
    }
  }

  void report(int64_t done) const {
    auto const total = split_.config.trajectories;
    auto const seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    log_line(split_.name,
             ": ",
             total * done / largest_share_,
             " of ",
             total,
             " trajectories, ",
             std::round(seconds * 10) / 10,
             " s");
  }

  SimulationConfig const& config_;
  NamedSplit const& split_;
  Solver& solver_;
  Communicator const& world_;
  SetMoments moments_;
  int64_t first_ = 0;
  int64_t end_ = 0;
  int64_t largest_share_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
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

void simulate(SimulationConfig const& config, OldData old_data, Communicator const& world) {
  check(config, world);
  auto const group = world.split(world.rank() / config.ranks_per_trajectory);
  auto const& entry = solver_entry(config.solver);
  auto const solver = entry.make(config.settings.text, group);
  world.together([&] {
    if (world.is_root()) {
      prepare_folder(config, old_data);
    }
  });
  for (auto const& split : splits_of(config)) {
    SplitRun run(config, split, *solver, world);
    run.make();
    if (split.name == "train") {
      write_statistics(config.out / "stats.yaml", run.moments(), solver->spec()->fields, world);
    }
  }
  log_line("wrote ", config.out.string(), ": ", solver->spec()->grid.describe());
}

}  // namespace eddyline
