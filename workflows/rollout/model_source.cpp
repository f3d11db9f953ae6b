#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "workflows/rehearsal/memory_check.hpp"
#include "workflows/rollout/rollout_rehearsal.hpp"
#include "workflows/rollout/rollout_source.hpp"
#include "workflows/trained_model.hpp"
#include "workflows/truth_and_error.hpp"

namespace eddyline {
namespace {

class ModelSource final : public RolloutSource {
 public:
  ModelSource(RolloutConfig const& config, std::shared_ptr<Mesh const> const& mesh)
      : config_(config),
        model_(config.model,
               choose_device(config.device, mesh->world()),
               {.weights = config.weights, .set = config.set, .adapter = config.adapter}),
        data_(model_.open(
            model_.data_config(config.data), config.split, model_.history(), config.allow, mesh)),
        chosen_(config.trajectories) {
    if (chosen_.empty()) {
      for (int64_t i = 0; i < data_->trajectories(); ++i) {
        chosen_.push_back(i);
      }
    }
    auto const& shape = data_->window_shape();
    require(shape.target_time == TargetTime::ahead,
            "data.target_time is same: nothing is forecast, so there is nothing to roll out; "
            "'eddyline evaluate' scores such a network");
    require(shape.history == 1 || shape.input_stride == shape.lead,
            "a rollout needs input frames as far apart as a step: data.input_stride is ",
            shape.input_stride,
            " frames, data.lead ",
            shape.lead,
            "; set them alike");
    require(!chosen_.empty(),
            "the ",
            to_string(config.split),
            " part of '",
            data_->name(),
            "' has no trajectory");
    newest_ = config.start + (shape.history - 1) * shape.input_stride;
    bool has_truth = config.truth == TruthKind::automatic;
    for (auto const trajectory : chosen_) {
      require(trajectory >= 0 && trajectory < data_->trajectories(),
              "trajectories names ",
              trajectory,
              "; the ",
              to_string(config.split),
              " part of '",
              data_->name(),
              "' has 0 to ",
              data_->trajectories() - 1);
      auto const frames = data_->frames(trajectory);
      require(config.start >= 0 && newest_ < frames,
              "start is ",
              config.start,
              ": the ",
              shape.history,
              " input frames leave ",
              data_->describe(trajectory),
              ", which has ",
              frames,
              "; take a smaller start");
      has_truth = has_truth && newest_ + config.steps * shape.lead < frames;
    }
    truth_ = has_truth;
    check_room(*mesh);
    make_spec();
    description_ = make_description();
  }

  RolloutDescription description() const override { return description_; }
  Block block() const override { return written_->block; }
  std::unique_ptr<Rehearsal> rehearsal() const override {
    return std::make_unique<RolloutRehearsal>(
        config_,
        model_,
        *data_,
        RolloutSize{.trajectories = static_cast<int64_t>(chosen_.size()),
                    .truth = truth_ ? TruthKind::automatic : TruthKind::off});
  }
  int64_t history() const override { return model_.history(); }

  RolloutStart start(TrajectoryShare const& share) override {
    auto const& shape = data_->window_shape();
    std::vector<StartFrame> starts;
    for (int64_t i = 0; i < share.count(); ++i) {
      starts.push_back({chosen_[static_cast<size_t>(share[i])], newest_});
    }
    RolloutStart start{model_.stepper(*data_, starts, config_.forecast),
                       History(shape.history, data_->state_spec()),
                       {}};
    for (int64_t frame = 0; frame < shape.history; ++frame) {
      auto const at = config_.start + frame * shape.input_stride;
      start.history.push(frames_at(starts, at).to(model_.device()),
                         data_->times(starts[0].trajectory)[static_cast<size_t>(at)]);
    }
    start.view = [this, starts](int64_t step, State const& state) {
      return view(starts, step, state);
    };
    return start;
  }

 private:
  void check_room(Mesh const& mesh) const {
    if (config_.check_memory && model_.device().is_cpu()) {
      check_memory(*rehearsal(), {.run = "rollout", .key = "check_memory"}, mesh);
    }
  }

  RolloutDescription make_description() const {
    RolloutDescription description{.name = data_->name(),
                                   .made_by = model_.name(),
                                   .fields = written_->fields,
                                   .grid = written_->grid,
                                   .time_unit = written_->time_unit,
                                   .time_origin = data_->source().time_origin,
                                   .calendar = data_->source().calendar,
                                   .scalars = data_->batch_spec()->scalars,
                                   .constants = data_->source().constants};
    for (auto const trajectory : chosen_) {
      description.trajectories.push_back(describe(trajectory));
    }
    description.facts = {{"model", model_.path().string()},
                         {"data", data_->config().path},
                         {"fit", data_->fit().describe()},
                         {"truth", truth_}};
    if (!config_.adapter.empty()) {
      description.facts["adapter"] = config_.adapter;
    }
    return description;
  }

  /// What its first frames came with.
  RolloutTrajectory describe(int64_t trajectory) const {
    RolloutTrajectory one{data_->describe(trajectory) + concat(", from frame ", config_.start), {}};
    auto const& names = data_->batch_spec()->scalars;
    auto const scalars = data_->scalars({trajectory, newest_, 1, 1});
    for (size_t i = 0; i < names.size(); ++i) {
      one.parameters[names[i]] = scalars[0][static_cast<int64_t>(i)].item<double>();
    }
    // On the cells that are written: this rank's block, as of the frames.
    auto const constants = data_->constants(trajectory);
    auto const& cells = data_->outputs().cells;
    if (constants.defined()) {
      one.constants = cells ? cells->take(constants) : data_->file_cells(constants);
    }
    return one;
  }

  void make_spec() {
    auto spec = std::make_shared<StateSpec>(*data_->state_spec());
    auto const& fields = data_->batch_spec()->output_fields;
    spec->grid = data_->compared_grid();
    auto const& division = data_->compared_sharding();
    spec->block = division ? division->block() : whole_block(spec->grid.shape());
    spec->fields = truth_ ? with_truth(fields) : fields;
    written_ = spec;
  }

  at::Tensor frames_at(std::vector<StartFrame> const& starts, int64_t frame) {
    std::vector<at::Tensor> values;
    for (auto const& start : starts) {
      values.push_back(data_->read({start.trajectory, frame, 1, 1}).values);
    }
    return at::cat(values);
  }

  State view(std::vector<StartFrame> const& starts, int64_t step, State const& state) {
    auto values = data_->compared_forecast(state.values);
    if (truth_) {
      auto const truth =
          data_->compared(frames_at(starts, newest_ + step * data_->window_shape().lead))
              .to(values.device());
      values = with_truth(values, truth);
    }
    return {values, state.time, written_};
  }

  RolloutConfig config_;
  TrainedModel model_;
  std::unique_ptr<Dataset> data_;
  std::vector<int64_t> chosen_;
  int64_t newest_ = 0;
  bool truth_ = false;
  RolloutDescription description_;
  std::shared_ptr<StateSpec const> written_;
};

}  // namespace

std::unique_ptr<RolloutSource> make_model_source(RolloutConfig const& config,
                                                 std::shared_ptr<Mesh const> const& mesh) {
  return std::make_unique<ModelSource>(config, mesh);
}

}  // namespace eddyline
