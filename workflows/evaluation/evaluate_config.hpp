#pragma once

#include "core/config.hpp"
#include "core/device.hpp"
#include "data/pipeline/data_config.hpp"
#include "surrogates/surrogate_stepper.hpp"
#include "workflows/evaluation/baseline.hpp"
#include "workflows/mesh_config.hpp"
#include "workflows/trained_model.hpp"

namespace eddyline {

/// `eddyline evaluate`.
struct EvaluateConfig {
  std::string model;
  std::string adapter;
  WeightKind weights = WeightKind::averaged;
  std::string set;
  YamlText data;
  Split split = Split::test;
  int64_t horizon = 30;
  int64_t every = 0;
  Forecast forecast = Forecast::iterated;
  int64_t one_step_windows = 0;
  std::vector<std::string> metrics;
  std::vector<BaselineKind> baselines = {
      BaselineKind::persistence, BaselineKind::linear, BaselineKind::mean};
  ClimatologyFrom climatology = ClimatologyFrom::computed;
  int64_t batch = 16;
  std::string table = "vrmse.well";
  std::string out;
  DeviceKind device = DeviceKind::automatic;
  MeshConfig parallel;
  std::vector<std::string> allow;

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
    v("data", data, "what differs from the data the model was trained on: path, format, splits, …");
    v("split", split, "part of the data that is scored: train, valid, test, all");
    v("horizon", horizon, "steps of the rollouts; 0: one step only");
    v("every",
      every,
      "frames between the starts of rollouts in a trajectory; 0: one rollout each, from its start");
    v("forecast",
      forecast,
      "iterated: predictions are the next inputs; direct: every step from the start's frames, by "
      "its lead time (ClimaX)");
    v("one_step_windows", one_step_windows, "windows of the one-step score, evenly spread; 0: all");
    v("metrics",
      metrics,
      "names of metrics; empty: all but acc.climax (which reads the training part) and "
      "*.climatebench");
    v("baselines", baselines, "persistence, linear, mean, climatology (by hour of day)");
    v("climatology",
      climatology,
      "of the baseline climatology and of acc.climax: computed from the training part by hour of "
      "day, or published: train/climatology.npz of a folder of ClimaX's shards, of all times");
    v("batch", batch, "windows that a rank forecasts at once");
    v("table", table, "metric of the printed table");
    v("out", out, "file to write; empty: evaluation.json in the model's run folder");
    v("device", device, "auto, cpu, cuda");
    v("parallel", parallel, "how the ranks share the windows");
    v("allow",
      allow,
      "differences between these data and the trained ones that are meant: step, time_unit, "
      "fields, …");
  }
};

}  // namespace eddyline
