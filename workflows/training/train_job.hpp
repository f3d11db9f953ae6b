#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "core/config.hpp"
#include "core/device.hpp"
#include "workflows/mesh_config.hpp"
#include "workflows/run_folder.hpp"
#include "workflows/training/data_mix.hpp"
#include "workflows/training/train_config.hpp"
#include "workflows/training/validation_forecast.hpp"

namespace eddyline {

/// `run`: where it is kept and what it runs on.
struct RunConfig {
  std::string name = "train";
  std::string folder = "runs";
  DeviceKind device = DeviceKind::automatic;
  int64_t threads = 0;
  std::vector<std::string> signals = {"SIGTERM", "SIGUSR1"};
  bool check_memory = true;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("name", name, "folder of this run, below run.folder");
    v("folder", folder, "where all runs are");
    v("device", device, "auto (a GPU if there is one), cpu or cuda");
    v("threads", threads, "threads of each rank; 0: the cores of the node divided by its ranks");
    v("signals",
      signals,
      "signals that save and end the run with exit code 75, as the file STOP in its folder does "
      "(mpirun hands on SIGUSR1; sent SIGTERM it kills the ranks after a second: see "
      "workflows/slurm)");
    v("check_memory",
      check_memory,
      "on processors: refuse a training that needs more memory than ulimit -v or -d, the job's "
      "control group or the machine leave, before it begins");
  }
};

/// `parallel`: how the ranks share the work.
struct ParallelConfig : MeshConfig {
  bool shard_optimizer = false;

  template <class Visitor>
  void visit(Visitor&& v) {
    MeshConfig::visit(v);
    v("shard_optimizer",
      shard_optimizer,
      "each rank keeps the optimiser's moments of its part of the weights (ZeRO-1): 1/ranks of "
      "their memory, for one more message of the weights a step");
  }
};

/// The configuration of `eddyline train`.
struct TrainJobConfig {
  TrainDataConfig data;
  YamlText model{"surrogate: morph\n"};
  TrainConfig train;
  ParallelConfig parallel;
  RunConfig run;
  ShownForecastConfig catalyst;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("data", data, "what is learned from");
    v("model",
      model,
      "surrogate: its name; the other keys are its own ('eddyline train --help' lists them)");
    v("train", train, "how the weights are found");
    v("parallel", parallel, "how the ranks share the work");
    v("run", run, "where the run is kept and what it runs on");
    v("catalyst",
      catalyst,
      "ParaView shows a forecast of the valid part while the network learns; its time is the "
      "training step");
  }
};

/// Trains a surrogate on a data set, in a run folder. Collective.
/// \return 0 done (all steps, or early stop), or 75 stopped by a signal, the file STOP or the time
/// limit
int train(TrainJobConfig config,
          Existing existing,
          std::vector<std::string> const& arguments,
          Communicator const& world);

}  // namespace eddyline
