#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "core/config.hpp"
#include "data/sinks/in_situ_config.hpp"
#include "workflows/mesh_config.hpp"

namespace eddyline {

/// Trajectories of one split: seeds first_seed, first_seed + 1, …
struct SeedRange {
  int64_t trajectories = 0;
  uint64_t first_seed = 0;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("trajectories", trajectories, "how many; 0 leaves the split out");
    v("first_seed", first_seed, "seed of the first; the others follow");
  }
};

/// Which of the solver's frames are written.
struct SaveConfig {
  int64_t first = 0;
  int64_t every = 1;
  int64_t frames = 101;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("first", first, "first frame to write, counted from the initial data (frame 0)");
    v("every", every, "write each n-th frame from there");
    v("frames", frames, "frames to write of each trajectory");
  }
};

/// What `simulate` makes.
struct SimulationConfig {
  std::filesystem::path out;
  std::string name;
  std::string solver = "diffusion_reaction";
  YamlText settings;
  SeedRange train{.trajectories = 60, .first_seed = 0};
  SeedRange valid{.trajectories = 8, .first_seed = 1000};
  SeedRange test{.trajectories = 8, .first_seed = 2000};
  SaveConfig save;
  MeshConfig parallel;
  int64_t batch = 16;
  CatalystConfig catalyst;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("out", out, "folder to write: data/{train,valid,test}/*.hdf5 and stats.yaml");
    v("name", name, "of the data set; empty: the folder's name");
    v("solver", solver, "which solver");
    v("settings", settings, "the solver's own settings");
    v("train", train, "trajectories to learn from; stats.yaml is of these");
    v("valid", valid, "trajectories to tune on");
    v("test", test, "trajectories to judge by");
    v("save", save, "which frames are written");
    v("parallel",
      parallel,
      "how the ranks share trajectories; whole ones are fastest while there are as many as ranks");
    v("batch", batch, "trajectories that a group of ranks steps together");
    v("catalyst", catalyst, "ParaView shows a trajectory of the first split while it is made");
  }
};

/// What to do with a folder that holds data already.
enum class OldData { refuse, replace };

/// Runs the solver for every seed and writes a data set in The Well's layout: one file a split, and
/// stats.yaml of the train split (moments of the float32 values written), with config.yaml,
/// manifest.json and log.txt. Trajectories are shared
/// among groups of ranks, each group splits its trajectories by blocks of the solver's own; what is
/// written does not depend on the number of ranks (beyond round-off, where a solver says so).
/// Collective.
/// \param arguments  of the command line, for the manifest
/// \throw Error    on settings that are not allowed, seeds used twice, or a folder with data
/// \throw Diverged if a solution blows up; the file being written is removed
void simulate(SimulationConfig const& config,
              OldData old_data,
              Communicator const& world,
              std::vector<std::string> const& arguments = {});

}  // namespace eddyline
