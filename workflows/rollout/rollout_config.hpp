#pragma once

#include <algorithm>
#include <cmath>

#include "core/config.hpp"
#include "core/device.hpp"
#include "data/pipeline/data_config.hpp"
#include "data/sinks/in_situ_config.hpp"
#include "surrogates/surrogate_stepper.hpp"
#include "workflows/mesh_config.hpp"
#include "workflows/trained_model.hpp"

namespace eddyline {

/// Whether truth and error are written beside the prediction.
enum class TruthKind {
  automatic,  ///< if the data go on for all steps
  off,
};
template <>
struct EnumNames<TruthKind> {
  static constexpr auto names = std::to_array<std::pair<TruthKind, char const*>>(
      {{TruthKind::automatic, "auto"}, {TruthKind::off, "off"}});
};

/// `eddyline rollout`.
struct RolloutConfig {
  std::string model;
  std::string adapter;
  WeightKind weights = WeightKind::averaged;
  std::string set;
  std::string solver;
  YamlText equation;
  YamlText data;
  Split split = Split::test;
  std::vector<int64_t> trajectories;
  int64_t start = 0;
  int64_t steps = 100;
  int64_t every = 1;
  Forecast forecast = Forecast::iterated;
  int64_t segment = 50;
  double segment_mib = 256;
  int64_t batch = 0;
  TruthKind truth = TruthKind::automatic;
  bool netcdf = false;
  std::string out;
  std::vector<int64_t> seeds = {0};
  DeviceKind device = DeviceKind::automatic;
  MeshConfig parallel;
  std::vector<std::string> allow;
  CatalystConfig catalyst;
  bool check_memory = true;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("model", model, "checkpoint of a trained network: runs/<name>/checkpoints/best.h5");
    v("adapter",
      adapter,
      "of a training with train.adapt, runs/<name>/adapters/best.h5; model is then its base");
    v("weights",
      weights,
      "of a model trained with train.ema: averaged, or plain as the optimiser left them");
    v("set", set, "of a model trained on several data sets (data.mix): the one to use it on");
    v("solver", solver, "a classical solver instead of a model: diffusion_reaction, …");
    v("equation", equation, "the solver's configuration");
    v("data", data, "what differs from the data the model was trained on: path, format, …");
    v("split", split, "part of the data that the first frames come from: train, valid, test, all");
    v("trajectories", trajectories, "numbers of the trajectories in that part; empty: all");
    v("start", start, "frame of each trajectory that is the first input");
    v("steps", steps, "steps to go");
    v("every", every, "steps between frames that are written");
    v("forecast",
      forecast,
      "of a model: iterated: predictions are the next inputs; direct: every step from the start's "
      "frames, by its lead time (ClimaX)");
    v("segment", segment, "steps between closed files: what a kill may lose");
    v("segment_mib",
      segment_mib,
      "memory [MiB] of a rank for frames that wait for their file: a segment has fewer steps where "
      "it would need more");
    v("batch", batch, "trajectories that a rank steps at once; 0: all of its own");
    v("truth",
      truth,
      "auto: truth and error are written beside the prediction where the data go on; off");
    v("netcdf",
      netcdf,
      "write all frames into one CF netCDF file too, forecast.nc in the folder, once all are "
      "there; "
      "with batch=1 where they have dates");
    v("out", out, "folder to write; empty: rollout/ in the model's run folder");
    v("seeds", seeds, "with a solver: seeds of the initial states, one trajectory each");
    v("device", device, "auto, cpu, cuda");
    v("parallel", parallel, "how the ranks share the trajectories of a model");
    v("allow",
      allow,
      "differences between these data and the trained ones that are meant: step, time_unit, "
      "fields, …");
    v("catalyst", catalyst, "ParaView shows the run while it goes");
    v("check_memory",
      check_memory,
      "of a model on processors: refuse a rollout that needs more memory than ulimit -v or -d, the "
      "job's control group or the machine leave, before it begins");
  }
};

/// Steps between closings: those of the configuration, or fewer, whose frames fit into its memory.
/// \param frame_bytes  of all trajectories that a rank steps at once, as they are written
inline int64_t segment_steps(RolloutConfig const& config, int64_t frame_bytes) {
  auto const frames = std::max<int64_t>(
      1, std::llround(config.segment_mib * 0x1p20) / std::max<int64_t>(1, frame_bytes));
  return std::min(config.segment, frames * config.every);
}

}  // namespace eddyline
