#include "workflows/training/training_rehearsal.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/memory_count.hpp"
#include "data/pipeline/loader.hpp"
#include "workflows/training/validation.hpp"
#include "workflows/training/weight_average.hpp"

namespace eddyline {
namespace {

/// Batches that a loader's thread holds: those that wait, and the next.
int64_t batches_ahead() {
  return LoaderOptions{}.prefetch + 1;
}

int64_t sum_of(std::map<std::string, int64_t> const& sent) {
  return std::accumulate(sent.begin(), sent.end(), int64_t{0}, [](int64_t sum, auto const& entry) {
    return sum + entry.second;
  });
}

at::Tensor shaped(std::vector<int64_t> sizes, std::array<int64_t, 3> const& cells) {
  sizes.insert(sizes.end(), cells.begin(), cells.end());
  return at::ones(sizes);
}

/// Most frames of a data set that a run of so many windows can have read, in bytes of a block.
int64_t frame_bytes(Dataset const& data, int64_t block_cells, int64_t most_frames) {
  int64_t frames = 0;
  for (int64_t i = 0; i < data.trajectories(); ++i) {
    frames += data.frames(i);
  }
  auto const bytes = std::min(frames, most_frames) * data.source().fields.channels() * block_cells *
                     static_cast<int64_t>(sizeof(float));
  return std::min(bytes, data.config().cache << 20);
}

/// What a rank holds of a network that is trained, besides activations.
std::map<std::string, int64_t> trained_parts(LearningStep& learner,
                                             bool has_average,
                                             int64_t moment_ranks) {
  int64_t trained = 0;
  for (auto const& parameter : learner.optimiser().parameters()) {
    trained += static_cast<int64_t>(parameter.value.nbytes());
  }
  return {{"weights", weight_bytes(learner.surrogate()) + (has_average ? trained : 0)},
          {"gradients", trained},
          {"moments", 2 * trained / moment_ranks}};
}

/// Cells of the input that a rank holds.
std::array<int64_t, 3> held_cells(BatchSpec const& spec) {
  return spec.sharding ? spec.sharding->block().box.size : spec.input_grid.shape();
}

}  // namespace

TrainingRehearsal::TrainingRehearsal(TrainJobConfig config) : config_(std::move(config)) {
  eddyline::check(config_.train);
  section_ = read_model_section(config_.model.text, config_.data);
  entry_ = &surrogate_entry(section_.surrogate);
  auto const alone =
      std::make_shared<Mesh const>(Communicator::self(), std::array<int, 3>{1, 1, 1});
  own_data_ = std::make_unique<TrainingData>(
      data_parts(config_.data), config_.train, section_.patch, alone);
  data_ = own_data_.get();
  auto const network = entry_->make(section_.config, data_->spec(*entry_), 0);
  own_data_->predict_part(*network);
  patch_ = network->patch();
}

TrainingRehearsal::TrainingRehearsal(TrainJobConfig config,
                                     TrainingData const& data,
                                     Surrogate const& network)
    : config_(std::move(config)),
      section_(read_model_section(config_.model.text, config_.data)),
      entry_(&surrogate_entry(section_.surrogate)),
      data_(&data),
      patch_(network.patch()),
      present_(weight_bytes(network)) {}

Decomposition TrainingRehearsal::division(TrainingSet const& set, Sharing const& sharing) const {
  auto const cells = set.train->batch_spec()->input_grid.shape();
  return {cells, sharing.domain, patch_alignment(patch_, cells)};
}

void TrainingRehearsal::check(Sharing const& sharing) const {
  for (auto const& set : data_->sets()) {
    (void)busiest(*set.train->batch_spec(), patch_, sharing.domain);
  }
}

int64_t TrainingRehearsal::local_samples(Sharing const& sharing) const {
  auto const ranks = sharing.data_ranks();
  return std::max<int64_t>(1, (config_.train.batch + ranks - 1) / ranks);
}

int64_t TrainingRehearsal::cells_and_samples(Sharing const& sharing) const {
  int64_t most = 0;
  auto const rank = busiest(division(data_->sets().front(), sharing));
  for (auto const& set : data_->sets()) {
    most = std::max(most, division(set, sharing).block(rank).box.cells());
  }
  return most * local_samples(sharing);
}

std::shared_ptr<Mesh const> TrainingRehearsal::mesh_for(Sharing const& sharing) const {
  auto const rank = busiest(*data_->sets().front().train->batch_spec(), patch_, sharing.domain);
  return std::make_shared<Mesh const>(
      Communicator::rehearsal(rank, sharing.ranks), sharing.domain, config_.parallel.in_flight);
}

std::vector<TrainingRehearsal::SetPart> TrainingRehearsal::parts(
    std::shared_ptr<Mesh const> const& mesh, Sharing const& sharing, int64_t most_work) const {
  std::vector<SetPart> parts;
  for (auto const& set : data_->sets()) {
    auto const& whole = *set.train->batch_spec();
    auto const cells = whole.input_grid.shape();
    auto const align = patch_alignment(patch_, cells);
    auto const portion = fewer({local_samples(sharing), cells}, sharing.domain, align, most_work);
    parts.push_back({spec_of_part(whole, portion.cells, mesh, align), portion.samples});
  }
  return parts;
}

Batch TrainingRehearsal::made_up(Surrogate const& network, SetPart const& part) const {
  auto const& [spec, samples] = part;
  auto const in = held_cells(*spec);
  auto const& division = spec->output_sharding();
  auto const out = division ? division->block().box.size : spec->output_grid.shape();
  auto const frames = config_.train.unroll.steps * window_shape(config_.data).horizon;
  auto const scales = [](int64_t channels) {
    return Affine{at::zeros({1, channels}), at::ones({1, channels})};
  };
  auto const outputs = spec->output_fields.channels();
  Batch batch;
  batch.input = shaped({samples, network.history(), spec->input_fields.channels()}, in);
  batch.target = shaped({samples, frames, outputs}, out);
  if (spec->known_fields.channels() > 0) {
    batch.forcing = shaped({samples, frames, spec->known_fields.channels()}, in);
  }
  if (spec->constant_fields.channels() > 0) {
    batch.constants = shaped({samples, spec->constant_fields.channels()}, in);
  }
  if (!spec->scalars.empty()) {
    batch.scalars = at::ones({samples, static_cast<int64_t>(spec->scalars.size())});
  }
  batch.lead_time = at::ones({samples});
  batch.input_norm = scales(spec->input_fields.channels());
  batch.target_norm = scales(outputs);
  batch.sample_ids.resize(static_cast<size_t>(samples));
  std::iota(batch.sample_ids.begin(), batch.sample_ids.end(), 0);
  batch.global_size = config_.train.batch;
  batch.spec = spec;
  return batch;
}

/// Takes two training steps, and keeps what the second sends if that is more than was sent before.
void TrainingRehearsal::take_steps(LearningStep& learner,
                                   OneBatch& source,
                                   RankNeeds& needs) const {
  auto const& config = config_.train;
  std::map<std::string, int64_t> before;
  for (int64_t step = 0; step < 2; ++step) {
    before = sent_by_process();
    learner.take(source,
                 {.step = config.unroll.grow_every * config.unroll.steps + step,
                  .batches = config.accumulate,
                  .samples = config.accumulate * config.batch});
  }
  if (auto sent = sent_between(before, sent_by_process()); sum_of(sent) > sum_of(needs.sent)) {
    needs.sent = std::move(sent);
  }
}

RankNeeds TrainingRehearsal::steps(Sharing const& sharing, int64_t most_work) const {
  auto const mesh = mesh_for(sharing);
  auto const sets = parts(mesh, sharing, most_work);
  auto const& config = config_.train;
  bool const shares_moments = config_.parallel.shard_optimizer;
  RankNeeds needs;
  int64_t batch = 0;
  needs.tried_bytes = allocator_peak([&] {
    auto const network = entry_->make(section_.config, data_->spec(*entry_), 0);
    TargetRule rule{.kind = config.target, .fields = data_->fields(*entry_)};
    std::vector<Grid> grids;
    for (auto const& set : sets) {
      grids.push_back(set.spec->output_grid);
    }
    auto const outputs = sets.front().spec->output_fields.channels();
    if (rule.kind == TargetKind::increment) {
      rule.increments[""] = {at::zeros({1, outputs}), at::ones({1, outputs})};
    }
    LearningStep learner(
        network,
        rule,
        Loss(config.loss, grids, at::kCPU),
        config,
        {mesh->world(), shares_moments ? MomentsOn::one_rank : MomentsOn::every_rank});
    WeightAverage average(learner.optimiser().parameters(), config.ema);
    needs.parts = trained_parts(learner, average.is_on(), shares_moments ? sharing.ranks : 1);
    for (auto const& set : sets) {
      auto const size = held_cells(*set.spec);
      if (auto const cells = size[0] * size[1] * size[2];
          cells * set.samples > needs.cells * needs.samples) {
        needs.cells = cells;
        needs.samples = set.samples;
      }
      OneBatch source(made_up(*network, set), config.batch);
      batch = std::max(batch, source.bytes());
      take_steps(learner, source, needs);
      if (validates()) {
        validate(learner, source, 1, mesh->world());
      }
    }
  });
  add_what_is_not_tried(needs, batch, sharing);
  return needs;
}

/// The batches of the loaders' threads, and what a message of gradients takes in MPI: both lie
/// apart from the memory of the steps.
void TrainingRehearsal::add_what_is_not_tried(RankNeeds& needs,
                                              int64_t batch,
                                              Sharing const& sharing) const {
  auto const ahead = batches_ahead() * batch * (validates() ? 2 : 1);
  auto const bucket = static_cast<int64_t>(config_.train.bucket_megabytes * 1e6);
  auto const message = sharing.ranks > 1 ? std::min(bucket, needs.parts["gradients"]) : 0;
  needs.tensor_bytes = needs.tried_bytes + ahead + message;
  needs.parts["data"] = batch + ahead;
  needs.parts["messages"] = message;
}

bool TrainingRehearsal::validates() const {
  return std::ranges::any_of(data_->sets(),
                             [](auto const& set) { return set.valid && set.valid->windows() > 0; });
}

int64_t TrainingRehearsal::cached_bytes(Sharing const& sharing) const {
  int64_t bytes = 0;
  auto const& config = config_.train;
  auto const window = window_shape(config_.data);
  auto const samples = local_samples(sharing) * config.accumulate * config.steps;
  auto const frames = window.history + window.horizon * config.unroll.steps;
  auto const most = config.steps > 0 ? samples * frames : kAnyWork;
  for (auto const& set : data_->sets()) {
    auto const parts = division(set, sharing);
    auto const cells = parts.block(busiest(parts)).box.cells();
    bytes += frame_bytes(*set.train, cells, most);
    bytes += set.valid ? frame_bytes(*set.valid, cells, kAnyWork) : 0;
  }
  return bytes;
}

double TrainingRehearsal::ample_bytes(Sharing const& sharing) const {
  auto const work = cells_and_samples(sharing) * config_.train.unroll.steps;
  return ample_bytes_of(present_, work) + static_cast<double>(cached_bytes(sharing));
}

std::optional<RankNeeds> TrainingRehearsal::needs(Sharing const& sharing, int64_t most_work) const {
  auto needs = tried_or_scaled(
      cells_and_samples(sharing), local_samples(sharing), most_work, [&](int64_t most) {
        return steps(sharing, most);
      });
  if (!needs) {
    return needs;
  }
  needs->cached_bytes = cached_bytes(sharing);
  needs->parts["data"] += needs->cached_bytes;
  return needs;
}

}  // namespace eddyline
