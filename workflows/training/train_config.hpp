#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/config.hpp"
#include "surrogates/adaptation/adapter.hpp"
#include "surrogates/prediction.hpp"
#include "workflows/training/adamw.hpp"
#include "workflows/training/loss.hpp"
#include "workflows/training/schedule.hpp"
#include "workflows/training/weight_average.hpp"

namespace eddyline {

template <>
struct EnumNames<Precision> {
  static constexpr auto names = std::to_array<std::pair<Precision, char const*>>(
      {{Precision::fp32, "fp32"}, {Precision::bf16, "bf16"}});
};
/// What becomes of the optimiser's moments that a checkpoint to start from holds.
enum class Moments { fresh, keep };

template <>
struct EnumNames<Moments> {
  static constexpr auto names = std::to_array<std::pair<Moments, char const*>>(
      {{Moments::fresh, "fresh"}, {Moments::keep, "keep"}});
};
template <>
struct EnumNames<TargetKind> {
  static constexpr auto names = std::to_array<std::pair<TargetKind, char const*>>(
      {{TargetKind::state, "state"}, {TargetKind::increment, "increment"}});
};

template <>
struct EnumNames<Activations> {
  static constexpr auto names = std::to_array<std::pair<Activations, char const*>>(
      {{Activations::keep, "keep"}, {Activations::recompute, "recompute"}});
};

/// What an unrolled loss is differentiated through.
enum class Through {
  all,   ///< every step
  last,  ///< the last one alone, which the loss is of, too: the steps before only make its input
};
template <>
struct EnumNames<Through> {
  static constexpr auto names = std::to_array<std::pair<Through, char const*>>(
      {{Through::all, "all"}, {Through::last, "last"}});
};

/// Training through several of the network's own steps.
struct UnrollConfig {
  int64_t steps = 1;
  int64_t grow_every = 0;
  Through gradients = Through::all;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("steps", steps, "autoregressive steps from one sample to the loss");
    v("grow_every",
      grow_every,
      "begin with one step and add one after so many optimiser steps; 0: all at once");
    v("gradients",
      gradients,
      "all: the loss is of all steps and differentiated through them; last: pushforward, the loss "
      "is of the last step and its input is taken as given (arXiv 2202.03376)");
  }
};

/// When the validation part is looked at, and what follows.
struct ValidationConfig {
  int64_t every_steps = 0;
  int64_t every_epochs = 1;
  int64_t batches = 0;
  int64_t patience = 10;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("every_steps", every_steps, "optimiser steps between validations; 0: by epochs only");
    v("every_epochs",
      every_epochs,
      "epochs between validations; 0: by steps only (both 0: no validation part is read)");
    v("batches", batches, "batches of the validation part that are used; 0: all");
    v("patience",
      patience,
      "validations in a row without improvement that end the training; 0: never");
  }
};

/// When checkpoints are written and which stay.
struct CheckpointConfig {
  int64_t every_steps = 0;
  int64_t every_epochs = 1;
  int64_t keep = 2;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("every_steps", every_steps, "optimiser steps between checkpoints; 0: by epochs only");
    v("every_epochs", every_epochs, "epochs between checkpoints; 0: by steps only");
    v("keep", keep, "newest checkpoints that stay, besides the best one; >= 1");
  }
};

/// `train`: how the weights are found.
struct TrainConfig {
  int64_t batch = 8;
  int64_t accumulate = 1;
  int64_t epochs = 150;
  int64_t steps = 0;
  double time_limit = 0;
  int64_t seed = 0;
  Precision precision = Precision::fp32;
  Activations activations = Activations::keep;
  TargetKind target = TargetKind::state;
  double noise = 0;
  double clip = 0;
  std::string from;
  std::vector<std::string> fresh;
  Moments moments = Moments::fresh;
  AdaptConfig adapt;
  std::vector<std::string> allow;
  LossConfig loss;
  AdamWConfig adamw;
  AverageConfig ema;
  ScheduleConfig schedule;
  UnrollConfig unroll;
  ValidationConfig validate;
  CheckpointConfig checkpoint;
  int64_t log_every = 10;
  double bucket_megabytes = 25;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("batch", batch, "samples of one batch, over all ranks");
    v("accumulate", accumulate, "batches whose gradients make one optimiser step");
    v("epochs", epochs, "times that all samples are seen");
    v("steps", steps, "optimiser steps in all; 0: from the epochs");
    v("time_limit",
      time_limit,
      "seconds after which the run saves and exits with 75, to be resumed; 0: none");
    v("seed", seed, "of fresh weights, order of samples, dropout and noise");
    v("precision",
      precision,
      "fp32, or bf16: inputs of the linear layers' products are rounded to bfloat16; weights, "
      "attention, convolutions, norms and all sums stay fp32");
    v("activations",
      activations,
      "of a network's blocks or layers: keep them for the backward pass, or recompute them there "
      "(one more forward pass, far less memory; a script keeps its own)");
    v("target", target, "state: the network predicts the next frame; increment: the change to it");
    v("noise", noise, "standard deviation of noise added to the input, in normalised units");
    v("clip", clip, "largest norm of the whole gradient; 0: not clipped");
    v("from",
      from,
      "checkpoint whose weights to start from: a native one, or an official .pth, .pt or "
      ".safetensors file with the network's keys");
    v("fresh",
      fresh,
      "parameters (starts of their keys) that begin fresh although train.from is given");
    v("moments",
      moments,
      "of the optimiser, with train.from: fresh, or keep those of the checkpoint (an official .pth "
      "file gives them after 'eddyline convert'; the weights are then the plain ones, train.ema)");
    v("adapt",
      adapt,
      "fine-tuning of train.from with frozen weights: low-rank updates (LoRA) of some, full "
      "training of some; neither layers nor train: off");
    v("allow",
      allow,
      "differences between the checkpoint's data and these that are meant (train.from, --resume): "
      "step, time_unit, fields, units, spacing, boundaries, geometry");
    v("loss", loss, "what is minimised");
    v("adamw", adamw, "the optimiser");
    v("ema", ema, "an average of the weights, besides them");
    v("schedule", schedule, "the learning rate");
    v("unroll", unroll, "several steps in a row");
    v("validate", validate, "validation and early stop");
    v("checkpoint", checkpoint, "what is kept on disk");
    v("log_every", log_every, "optimiser steps between lines of metrics.csv");
    v("bucket_megabytes",
      bucket_megabytes,
      "size of the gradient buckets that travel while the rest is computed");
  }
};

/// \throw Error  naming the key that is out of its range
void check(TrainConfig const& config);

}  // namespace eddyline
