#include "workflows/simulation/simulation.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "data/formats/registry.hpp"
#include "data/formats/well_statistics.hpp"
#include "solvers/registry.hpp"
#include "tests/places.hpp"
#include "workflows/run_folder.hpp"

namespace eddyline {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A folder of one test, the same on all ranks, removed at the end.
class Folder {
 public:
  explicit Folder(Communicator const& world) : world_(world) {
    path_ = world.broadcast(
        (fs::temp_directory_path() / concat("eddyline_simulation_", getpid())).string());
    clear();
  }
  ~Folder() { clear(); }
  fs::path const& path() const { return path_; }

 private:
  void clear() {
    world_.barrier();
    if (world_.is_root()) {
      fs::remove_all(path_);
    }
    world_.barrier();
  }
  Communicator const& world_;
  fs::path path_;
};

SimulationConfig small(fs::path const& out) {
  SimulationConfig config;
  config.out = out;
  config.settings.text = "{cells: [6, 8], final_time: 2, frames: 9}";
  config.train = {.trajectories = 5, .first_seed = 0};
  config.valid = {.trajectories = 1, .first_seed = 100};
  config.test = {.trajectories = 0};
  config.save = {.first = 2, .every = 3, .frames = 3};
  config.batch = 2;
  return config;
}

/// All frames of a split: (trajectory, frame, C, D, H, W).
at::Tensor read_all(fs::path const& path, std::string const& split) {
  auto const reader = open_reader("well", {.path = path, .split = split});
  auto const& spec = reader->spec();
  auto const shape = spec.grid.shape();
  std::vector<at::Tensor> all;
  for (size_t i = 0; i < spec.trajectories.size(); ++i) {
    auto const frames = spec.trajectories[i].frames();
    all.push_back(
        at::empty({frames, spec.fields.channels(), shape[0], shape[1], shape[2]}, at::kFloat));
    reader->read(
        {.trajectory = static_cast<int64_t>(i), .count = frames}, {.size = shape}, all.back());
  }
  return at::stack(all);
}

TEST(Simulation, WritesTheFramesOfTheSolver) {
  auto const world = Communicator::world();
  Folder const folder(world);
  auto const config = small(folder.path());
  simulate(config, OldData::refuse, world);
  auto const written = read_all(folder.path(), "train");
  ASSERT_EQ(written.sizes(), (std::vector<int64_t>{5, 3, 2, 1, 6, 8}));
  auto const solver = solver_entry(config.solver).make(config.settings.text, Communicator::self());
  History history(1, solver->spec());
  auto const first = solver->initial({3});
  history.push(first.values, first.time);
  for (int64_t frame = 1; frame <= 8; ++frame) {
    auto const state = solver->advance(history);
    if (frame >= 2 && (frame - 2) % 3 == 0) {
      EXPECT_TRUE(at::equal(written[3][(frame - 2) / 3], state.values[0].to(at::kFloat)))
          << "frame " << frame;
    }
  }
  auto const spec = open_reader("well", {.path = folder.path(), .split = "valid"})->spec();
  ASSERT_EQ(spec.trajectories.size(), 1U);
  EXPECT_THAT(spec.trajectories[0].times,
              testing::Pointwise(testing::FloatEq(), {0.5F, 1.25F, 2.0F}));
  EXPECT_EQ(spec.fields.channel_names(), (std::vector<std::string>{"activator", "inhibitor"}));
}

TEST(Simulation, WritesWhatAFormatCheckerAccepts) {
  std::string const python = venv_python();
  if (std::system((python + " -c 'import h5py' 2>/dev/null").c_str()) != 0) {
    GTEST_SKIP() << python << " has no h5py";
  }
  auto const world = Communicator::world();
  Folder const folder(world);
  simulate(small(folder.path()), OldData::refuse, world);
  world.together([&] {
    for (auto const* split : {"train", "valid"}) {
      auto const file = folder.path() / "data" / split / "diffusion_reaction.hdf5";
      auto const command = python + " " + source_file("tests/data/formats/check_well_format.py") +
                           " " + file.string();
      EXPECT_TRUE(!world.is_root() || std::system(command.c_str()) == 0) << split;
    }
  });
}

TEST(Simulation, WritesPressureAndVelocityOfAFlow) {
  auto const world = Communicator::world();
  Folder const folder(world);
  auto config = small(folder.path());
  config.solver = "navier_stokes_periodic";
  config.settings.text = "{cells: [8, 6, 5], interval: 0.1, steps: 2}";
  config.parallel.domain = {world.size(), 1, 1};
  simulate(config, OldData::refuse, world);
  auto const spec = open_reader("well", {.path = folder.path(), .split = "train"})->spec();
  EXPECT_EQ(spec.fields.describe(), "pressure, velocity (x, y, z)");
  EXPECT_EQ(spec.grid.describe(),
            "cartesian: x 8 (0 … 5.49779, periodic), y 6 (0 … 5.23599, periodic), "
            "z 5 (0 … 5.02655, periodic)");
  auto const written = read_all(folder.path(), "train");
  ASSERT_EQ(written.sizes(), (std::vector<int64_t>{5, 3, 4, 8, 6, 5}));
  auto const solver = solver_entry(config.solver).make(config.settings.text, Communicator::self());
  History history(1, solver->spec());
  history.push(solver->initial({3}).values, 0);
  solver->advance(history);
  auto const second = solver->advance(history);
  // Ranks change round-off of float64, which moves float32 by its last bit at most.
  EXPECT_LT((written[3][0] - second.values[0]).abs().max().item<double>(), 1e-6);
}

/// How the solver of small() divides its grid.
std::array<int64_t, 3> domain_of(int ranks) {
  auto const parts = Decomposition::balanced_parts({1, 6, 8}, ranks);
  return {parts[0], parts[1], parts[2]};
}

TEST(Simulation, WritesTheSameDataOnAnyNumberOfRanks) {
  auto const world = Communicator::world();
  Folder const folder(world);
  auto const self = Communicator::self();
  if (world.is_root()) {
    simulate(small(folder.path() / "alone"), OldData::refuse, self);
  }
  world.barrier();
  auto const expected = read_all(folder.path() / "alone", "train");
  auto const statistics = read_well_statistics(folder.path() / "alone/stats.yaml");
  for (int const sharing : {1, world.size()}) {
    auto config = small(folder.path() / concat("spread_", sharing));
    config.parallel.domain = domain_of(sharing);
    simulate(config, OldData::replace, world);
    EXPECT_TRUE(at::equal(read_all(config.out, "train"), expected)) << sharing;
    EXPECT_EQ(read_well_statistics(config.out / "stats.yaml").std_delta, statistics.std_delta);
  }
}

TEST(Simulation, WritesTheMomentsOfTheTrainSplit) {
  auto const world = Communicator::world();
  Folder const folder(world);
  simulate(small(folder.path()), OldData::refuse, world);
  auto const values = read_all(folder.path(), "train").to(at::kDouble);
  auto const deltas = values.narrow(1, 1, 2) - values.narrow(1, 0, 2);
  auto const statistics = read_well_statistics(folder.path() / "stats.yaml");
  constexpr double kDigits = 1e-4;  // the file has four decimals
  auto const near = [](double value) {
    return testing::DoubleNear(value, std::abs(value) * kDigits);
  };
  for (int64_t channel = 0; channel < 2; ++channel) {
    auto const name = channel == 0 ? "activator" : "inhibitor";
    auto const one = values.select(2, channel);
    auto const delta = deltas.select(2, channel);
    EXPECT_THAT(statistics.mean.at(name).at(0), near(one.mean().item<double>()));
    EXPECT_THAT(statistics.std.at(name).at(0), near(one.std(/*unbiased=*/false).item<double>()));
    EXPECT_THAT(statistics.rms.at(name).at(0), near(one.square().mean().sqrt().item<double>()));
    EXPECT_THAT(statistics.mean_delta.at(name).at(0), near(delta.mean().item<double>()));
    EXPECT_THAT(statistics.std_delta.at(name).at(0),
                near(delta.std(/*unbiased=*/false).item<double>()));
  }
}

TEST(Simulation, LeavesConfigurationManifestAndLog) {
  auto const world = Communicator::world();
  Folder const folder(world);
  simulate(small(folder.path()), OldData::refuse, world, {"out=x"});
  detach_log_file();
  world.barrier();
  auto const files = RunFiles::in(folder.path());
  EXPECT_THAT(read_text(files.config, 10000), HasSubstr("solver: diffusion_reaction"));
  auto const manifest = nlohmann::json::parse(read_text(files.manifest, 100000));
  EXPECT_EQ(manifest["verb"], "simulate");
  EXPECT_EQ(manifest["seeds"]["valid"], 100);
  EXPECT_EQ(manifest["arguments"][0], "out=x");
  auto const log = read_text(files.log, 100000);
  EXPECT_THAT(log, HasSubstr("train 40/40, step 8, "));
  EXPECT_THAT(log, HasSubstr("valid 8/8, step 8, "));
}

std::string refusal(SimulationConfig const& config, Communicator const& world) {
  try {
    simulate(config, OldData::refuse, world);
  } catch (Error const& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Simulation, KeepsDataThatAreThere) {
  auto const world = Communicator::world();
  Folder const folder(world);
  auto config = small(folder.path());
  simulate(config, OldData::refuse, world);
  EXPECT_THAT(
      refusal(config, world),
      HasSubstr("holds data already; give another folder as out, or replace it with --overwrite"));
  config.train.trajectories = 2;
  simulate(config, OldData::replace, world);
  EXPECT_EQ(read_all(folder.path(), "train").size(0), 2);
}

TEST(Simulation, RefusesWhatCannotBeMeant) {
  auto const world = Communicator::world();
  Folder const folder(world);
  auto config = small(folder.path());
  config.valid.first_seed = 4;
  EXPECT_THAT(refusal(config, world), HasSubstr("seed 4 is in both train and valid"));
  config = small("");
  EXPECT_THAT(refusal(config, world), HasSubstr("out is missing"));
  config = small(folder.path());
  config.save.every = 0;
  EXPECT_THAT(refusal(config, world), HasSubstr("save.every: 0 must be at least 1"));
  config = small(folder.path());
  config.parallel.domain = {3, 1, 1};
  EXPECT_THAT(refusal(config, world), HasSubstr("parallel.domain is [3, 1, 1]"));
  config = small(folder.path());
  config.solver = "difusion_reaction";
  EXPECT_THAT(refusal(config, world), HasSubstr("did you mean 'diffusion_reaction'?"));
  EXPECT_FALSE(fs::exists(folder.path()));
}

TEST(Simulation, DividesItsGridAsTheSolverDoesOnManyRanks) {
  auto const world = Communicator::world();
  Folder const folder(world);
  auto config = small(folder.path());
  config.solver = "navier_stokes_periodic";
  config.settings.text = "{cells: [8, 6, 5], interval: 0.1, steps: 2}";
  config.save.frames = 2;
  config.train.trajectories = 2;
  auto whole = config;
  whole.out = folder.path() / "whole";
  world.together([&] {
    if (world.is_root()) {
      simulate(whole, OldData::refuse, Communicator::self());
    }
  });
  config.out = folder.path() / "split";
  config.parallel.domain = {1, 1, 2};
  simulate(config, OldData::refuse, world);
  detach_log_file();
  world.barrier();
  EXPECT_THAT(read_text(RunFiles::in(config.out).log, 100000),
              HasSubstr("parallel.domain is [1, 1, 2]; the 2 ranks of a trajectory divide the grid "
                        "of 'navier_stokes_periodic' by [2, 1, 1], as the solver does"));
  // Ranks change round-off of float64, which moves float32 by its last bit at most.
  EXPECT_LT(
      (read_all(config.out, "train") - read_all(whole.out, "train")).abs().max().item<double>(),
      1e-6);
}

TEST(Simulation, LeavesNoFileOfARunThatBlowsUp) {
  auto const world = Communicator::world();
  Folder const folder(world);
  auto config = small(folder.path());
  // A step shorter than the time's digits is all that this tolerance allows.
  config.settings.text =
      "{cells: [6, 8], final_time: 2, frames: 9, relative_tolerance: 1e-200, absolute_tolerance: "
      "1e-200}";
  EXPECT_THROW(simulate(config, OldData::refuse, world), Diverged);
  world.barrier();
  EXPECT_TRUE(fs::is_empty(folder.path() / "data/train"));
}

}  // namespace
}  // namespace eddyline
