#include "workflows/rollout/rollout_rehearsal.hpp"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/memory_count.hpp"
#include "surrogates/registry.hpp"
#include "workflows/rollout/rollout.hpp"

namespace eddyline {
namespace {

constexpr int64_t kSteps = 3;

/// Ones for all that a network is told.
class MadeUpForcing final : public Forcing {
 public:
  MadeUpForcing(BatchSpec const& spec, int64_t samples, std::array<int64_t, 3> const& cells)
      : known_(spec.known_fields.channels()),
        constant_(spec.constant_fields.channels()),
        scalars_(static_cast<int64_t>(spec.scalars.size())),
        samples_(samples),
        cells_(cells) {}

  at::Tensor known(std::vector<double> const& times) override {
    auto const frames = static_cast<int64_t>(times.size());
    return known_ == 0 ? at::Tensor()
                       : at::ones({samples_, frames, known_, cells_[0], cells_[1], cells_[2]});
  }
  at::Tensor constants() override {
    return constant_ == 0 ? at::Tensor()
                          : at::ones({samples_, constant_, cells_[0], cells_[1], cells_[2]});
  }
  at::Tensor scalars() override {
    return scalars_ == 0 ? at::Tensor() : at::ones({samples_, scalars_});
  }

 private:
  int64_t known_, constant_, scalars_, samples_;
  std::array<int64_t, 3> cells_;
};

}  // namespace

RolloutRehearsal::RolloutRehearsal(RolloutConfig const& config,
                                   TrainedModel const& model,
                                   Dataset const& data,
                                   RolloutSize size)
    : config_(config), model_(model), data_(data), size_(size) {}

bool RolloutRehearsal::splits_samples() const {
  return surrogate_entry(model_.name()).splits_samples;
}

Decomposition RolloutRehearsal::division(Sharing const& sharing) const {
  auto const cells = data_.batch_spec()->input_grid.shape();
  return {cells, sharing.domain, patch_alignment(model_.patch(), cells)};
}

void RolloutRehearsal::check(Sharing const& sharing) const {
  (void)busiest(*data_.batch_spec(), model_.patch(), sharing.domain);
}

int64_t RolloutRehearsal::local_samples(Sharing const& sharing) const {
  auto const ranks = sharing.data_ranks();
  auto const own = std::max<int64_t>(1, (size_.trajectories + ranks - 1) / ranks);
  return config_.batch > 0 ? std::min(config_.batch, own) : own;
}

int64_t RolloutRehearsal::cells_and_samples(Sharing const& sharing) const {
  auto const parts = division(sharing);
  return parts.block(busiest(parts)).box.cells() * local_samples(sharing);
}

std::shared_ptr<BatchSpec const> RolloutRehearsal::spec_of(
    Portion const& portion, std::shared_ptr<Mesh const> const& mesh) const {
  return spec_of_part(
      *data_.batch_spec(), portion.cells, mesh, patch_alignment(model_.patch(), portion.cells));
}

RankNeeds RolloutRehearsal::steps(Sharing const& sharing, int64_t most_work) const {
  auto const rank = busiest(*data_.batch_spec(), model_.patch(), sharing.domain);
  auto const mesh = std::make_shared<Mesh const>(
      Communicator::rehearsal(rank, sharing.ranks), sharing.domain, config_.parallel.in_flight);
  auto const cells = data_.batch_spec()->input_grid.shape();
  auto const portion = fewer({local_samples(sharing), cells},
                             sharing.domain,
                             patch_alignment(model_.patch(), cells),
                             most_work);
  auto const spec = spec_of(portion, mesh);
  auto const block = spec->sharding ? spec->sharding->block() : whole_block(portion.cells);
  auto const size = block.box.size;
  RankNeeds needs{.cells = block.box.cells(), .samples = portion.samples};
  auto const state = std::make_shared<StateSpec const>(
      StateSpec{data_.state_spec()->fields, spec->input_grid, block, spec->time_unit});
  std::array<std::map<std::string, int64_t>, kSteps + 1> sent;
  auto const count = std::make_shared<MemoryCount>();
  count_memory(count, [&] {
    auto const stepper =
        model_.stepper_on(spec,
                          data_,
                          std::make_unique<MadeUpForcing>(*spec, portion.samples, size),
                          config_.forecast);
    needs.parts["weights"] = count->held() + weight_bytes(model_.network());
    needs.start_bytes = count->most() + weight_bytes(model_.network());
    count->begin_again();
    History history(model_.history(), state);
    for (int64_t t = 0; t < model_.history(); ++t) {
      history.push(at::ones({portion.samples, state->fields.channels(), size[0], size[1], size[2]}),
                   static_cast<double>(t));
    }
    Rollout rollout(*stepper,
                    {.steps = kSteps, .segment = kSteps, .not_finite = NotFinite::goes_on},
                    mesh->world());
    rollout.split_over(mesh->group());
    if (size_.truth == TruthKind::automatic) {
      rollout.set_view([](int64_t /*step*/, State const& frame) {
        auto const truth = at::ones_like(frame.values);
        return State{
            at::cat({frame.values, truth, frame.values - truth}, 1), frame.time, frame.spec};
      });
    }
    rollout.observe([&](int64_t step, State const& /*frame*/) {
      sent[static_cast<size_t>(step)] = sent_by_process();
    });
    rollout.run(history);
  });
  needs.tried_bytes = count->most();
  needs.tensor_bytes = needs.tried_bytes + weight_bytes(model_.network());
  needs.sent = sent_between(sent[kSteps - 1], sent[kSteps]);
  return needs;
}

int64_t RolloutRehearsal::waiting_bytes(RankNeeds const& needs) const {
  auto const channels =
      data_.batch_spec()->output_fields.channels() * (size_.truth == TruthKind::automatic ? 3 : 1);
  auto const frame = needs.samples * channels * needs.cells * static_cast<int64_t>(sizeof(float));
  auto const steps = std::min(segment_steps(config_, frame), config_.steps);
  // The first segment has the given frame too.
  return frame * (steps / config_.every + 1);
}

double RolloutRehearsal::ample_bytes(Sharing const& sharing) const {
  auto const work = cells_and_samples(sharing);
  auto const samples = local_samples(sharing);
  return ample_bytes_of(present_bytes(), work) +
         static_cast<double>(waiting_bytes({.cells = work / samples, .samples = samples}));
}

std::optional<RankNeeds> RolloutRehearsal::needs(Sharing const& sharing, int64_t most_work) const {
  auto needs = tried_or_scaled(
      cells_and_samples(sharing), local_samples(sharing), most_work, [&](int64_t most) {
        return steps(sharing, most);
      });
  if (!needs) {
    return needs;
  }
  auto const waiting = waiting_bytes(*needs);
  needs->parts["frames"] = waiting;
  needs->tensor_bytes = std::max(needs->start_bytes, needs->tensor_bytes + waiting);
  return needs;
}

}  // namespace eddyline
