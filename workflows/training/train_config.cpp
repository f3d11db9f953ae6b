#include "workflows/training/train_config.hpp"

#include "core/error.hpp"
#include "workflows/training/learning_step.hpp"

namespace eddyline {
namespace {

void check(AdaptConfig const& adapt, TrainConfig const& config) {
  require(adapt.rank >= 1, "train.adapt.rank is ", adapt.rank, "; allowed: >= 1");
  require(!adapt.alpha || *adapt.alpha > 0,
          "train.adapt.alpha is ",
          adapt.alpha.value_or(0),
          "; allowed: > 0");
  if (adapt.is_active()) {
    require(!config.from.empty(),
            "train.adapt keeps weights frozen, but there are none yet: name the model that is "
            "adapted in train.from");
    require(config.moments == Moments::fresh,
            "train.moments is keep, but with train.adapt the moments begin fresh; leave it out");
  }
}

}  // namespace

void check(TrainConfig const& config) {
  auto const at_least = [](char const* key, auto value, auto smallest) {
    require(value >= smallest, "train.", key, " is ", value, "; allowed: >= ", smallest);
  };
  at_least("batch", config.batch, 1);
  at_least("accumulate", config.accumulate, 1);
  at_least("epochs", config.epochs, 1);
  at_least("steps", config.steps, 0);
  at_least("time_limit", config.time_limit, 0.0);
  at_least("seed", config.seed, 0);
  at_least("noise", config.noise, 0.0);
  at_least("clip", config.clip, 0.0);
  require(config.moments == Moments::fresh || !config.from.empty(),
          "train.moments is keep, but train.from names no checkpoint that holds them");
  check(config.adapt, config);
  require(config.ema.decay >= 0 && config.ema.decay < 1,
          "train.ema.decay is ",
          config.ema.decay,
          "; allowed: 0 <= decay < 1, for example 0.999");
  at_least("log_every", config.log_every, 1);
  at_least("unroll.steps", config.unroll.steps, 1);
  at_least("unroll.grow_every", config.unroll.grow_every, 0);
  require(config.unroll.steps <= kMaxUnroll,
          "train.unroll.steps is ",
          config.unroll.steps,
          "; allowed: <= ",
          kMaxUnroll);
  at_least("validate.every_steps", config.validate.every_steps, 0);
  at_least("validate.every_epochs", config.validate.every_epochs, 0);
  at_least("validate.batches", config.validate.batches, 0);
  at_least("validate.patience", config.validate.patience, 0);
  at_least("checkpoint.every_steps", config.checkpoint.every_steps, 0);
  at_least("checkpoint.every_epochs", config.checkpoint.every_epochs, 0);
  at_least("checkpoint.keep", config.checkpoint.keep, 1);
  require(config.bucket_megabytes > 0,
          "train.bucket_megabytes is ",
          config.bucket_megabytes,
          "; allowed: > 0");
}

}  // namespace eddyline
