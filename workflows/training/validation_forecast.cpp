#include "workflows/training/validation_forecast.hpp"

#include <algorithm>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.hpp"
#include "data/pipeline/batch_maker.hpp"
#include "workflows/truth_and_error.hpp"

namespace eddyline {
namespace {

TrainingSet const& shown_set(TrainingData const& data, std::string const& name) {
  auto const& sets = data.sets();
  std::vector<std::string> known;
  for (auto const& set : sets) {
    known.push_back(set.part.name);
  }
  auto const found = name.empty() ? known.begin() : std::ranges::find(known, name);
  require(found != known.end(),
          "catalyst.set is '",
          name,
          "'; ",
          data.is_mix() ? concat("data.mix has ", known)
                        : std::string("this training has one data set, without a name"));
  auto const& set = sets[static_cast<size_t>(found - known.begin())];
  require(
      set.valid && set.valid->windows() > 0,
      "catalyst shows a forecast of the valid part of ",
      set.where(),
      ", but that has no sample or is not read: set train.validate.every_epochs or every_steps, "
      "divide the data by data.splits, or leave the section catalyst out");
  return set;
}

/// Frames that all forecast steps predict.
FrameRange predicted_frames(WindowShape shape, WindowAddress const& sample, int64_t frames) {
  shape.horizon = frames;
  return target_frames(shape, sample);
}

/// Of the cells that are compared, those of this rank.
Block compared_block(Dataset const& data) {
  auto const& division = data.compared_sharding();
  return division ? division->block() : whole_block(data.compared_grid().shape());
}

}  // namespace

ValidationForecast::ValidationForecast(TrainingData const& data, ShownForecastConfig const& config)
    : set_(shown_set(data, config.set)),
      trajectory_(config.trajectory),
      start_(config.start),
      steps_(config.steps) {
  require(steps_ >= 1 && steps_ <= kMaxUnroll,
          "catalyst.steps is ",
          steps_,
          "; allowed: 1 to ",
          kMaxUnroll);
  auto const& valid = *set_.valid;
  require(trajectory_ < valid.trajectories(),
          "catalyst.trajectory is ",
          trajectory_,
          "; the valid part of ",
          set_.where(),
          " has 0 to ",
          valid.trajectories() - 1);
  require(start_ >= 0, "catalyst.start is ", start_, "; it must not be negative");
  sample_ = find_sample();
  auto const frames = predicted_frames(
      valid.window_shape(), valid.window(sample_), steps_ * set_.part.config.horizon);
  frame_ = frames.first + (frames.count - 1) * frames.stride;
  require(frame_ < valid.frames(trajectory_),
          "catalyst.steps is ",
          steps_,
          ", whose last frame would be ",
          frame_,
          ", but ",
          valid.describe(trajectory_),
          " has ",
          valid.frames(trajectory_),
          " frames: no truth to show; take fewer steps or a smaller catalyst.start");
  auto spec = std::make_shared<StateSpec>();
  spec->fields = with_truth(valid.batch_spec()->output_fields);
  spec->grid = valid.compared_grid();
  spec->block = compared_block(valid);
  spec->time_unit = "training steps";
  spec_ = spec;
}

int64_t ValidationForecast::find_sample() const {
  auto const& valid = *set_.valid;
  int64_t last = -1;
  for (int64_t i = 0; i < valid.windows(); ++i) {
    auto const address = valid.window(i);
    if (address.shape == 0 && address.trajectory == trajectory_) {
      last = address.first;
      if (last >= start_) {
        return i;
      }
    }
  }
  throw Error(concat(
      "catalyst.start is ",
      start_,
      ", but the last sample of ",
      valid.describe(trajectory_),
      last < 0 ? std::string(" is none: it is too short") : concat(" begins at frame ", last)));
}

void ValidationForecast::read(at::Device device) {
  auto& valid = *set_.valid;
  auto batch = BatchMaker(valid, set_.statistics, device).make({sample_});
  batch.target = at::Tensor();
  if (batch.forcing.defined()) {
    auto const frames = predicted_frames(
        valid.window_shape(), valid.window(sample_), steps_ * set_.part.config.horizon);
    batch.forcing = valid.known_at(trajectory_, valid.times(frames)).unsqueeze(0).to(device);
  }
  batch_ = normalised(std::move(batch));
  truth_ = valid.compared(valid.read({trajectory_, frame_, 1, 1}).values).to(device);
}

State ValidationForecast::made(LearningStep& learner, int64_t step) const {
  at::NoGradGuard const no_grad;
  learner.surrogate().eval();
  auto const frames = learner.predict(batch_, learner.context(0), steps_);
  auto const last = frames.select(1, frames.size(1) - 1).to(truth_.scalar_type());
  auto forecast = set_.valid->compared_forecast(batch_.target_norm.restore(last));
  if (set_.part.config.missing == Missing::mask) {
    forecast = forecast.masked_fill(
        truth_.isnan(),
        std::numeric_limits<double>::quiet_NaN());  // land: nothing is predicted there
  }
  return {with_truth(forecast, truth_), static_cast<double>(step), spec_};
}

}  // namespace eddyline
