#include "workflows/planning/rehearsal.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/memory_count.hpp"
#include "core/process_group.hpp"
#include "data/pipeline/loader.hpp"
#include "workflows/planning/one_batch.hpp"
#include "workflows/training/learning_step.hpp"
#include "workflows/training/weight_average.hpp"

namespace eddyline {
namespace {

std::map<std::string, int64_t> sent_since(
    std::map<std::string, ProcessGroupCounters::Count> const& before) {
  std::map<std::string, int64_t> sent;
  for (auto const& [kind, count] : traffic_of_process()) {
    auto const found = before.find(kind);
    auto const bytes = count.sent - (found == before.end() ? 0 : found->second.sent);
    if (bytes > 0) {
      sent[kind] = bytes;
    }
  }
  return sent;
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

}  // namespace

Rehearsal::Rehearsal(TrainJobConfig config) : config_(std::move(config)) {
  eddyline::check(config_.train);
  section_ = read_model_section(config_.model.text, config_.data);
  entry_ = &surrogate_entry(section_.surrogate);
  auto const alone =
      std::make_shared<Mesh const>(Communicator::self(), std::array<int, 3>{1, 1, 1});
  data_ = std::make_unique<TrainingData>(
      data_parts(config_.data), config_.train, section_.patch, alone);
  auto const network = entry_->make(section_.config, data_->spec(*entry_), 0);
  data_->predict_part(*network);
  patch_ = network->patch();
}

std::array<int64_t, 3> Rehearsal::align(std::array<int64_t, 3> cells) const {
  auto align = patch_;
  for (size_t a = 0; a < 3; ++a) {
    align[a] = cells[a] == 1 ? 1 : align[a];
  }
  return align;
}

Decomposition Rehearsal::division(TrainingSet const& set, Sharing const& sharing) const {
  auto const cells = set.train->batch_spec()->input_grid.shape();
  return {cells, sharing.domain, align(cells)};
}

void Rehearsal::check(Sharing const& sharing) const {
  for (auto const& set : data_->sets()) {
    (void)division(set, sharing);
  }
}

int Rehearsal::busiest(Sharing const& sharing) const {
  auto const parts = division(data_->sets().front(), sharing);
  int most = 0;
  std::pair<int64_t, int> score = {0, 0};
  for (int rank = 0; rank < parts.ranks(); ++rank) {
    auto const block = parts.block(rank);
    int neighbours = 0;
    for (size_t a = 0; a < 3; ++a) {
      neighbours += (block.position[a] > 0) + (block.position[a] + 1 < block.parts[a]);
    }
    if (std::pair const own(block.box.cells(), neighbours); own > score) {
      score = own;
      most = rank;
    }
  }
  return most;
}

int64_t Rehearsal::local_samples(Sharing const& sharing) const {
  auto const ranks = sharing.data_ranks();
  return std::max<int64_t>(1, (config_.train.batch + ranks - 1) / ranks);
}

int64_t Rehearsal::cells_and_samples(Sharing const& sharing) const {
  int64_t most = 0;
  auto const rank = busiest(sharing);
  for (auto const& set : data_->sets()) {
    most = std::max(most, division(set, sharing).block(rank).box.cells());
  }
  return most * local_samples(sharing);
}

std::shared_ptr<BatchSpec const> Rehearsal::part_spec(
    TrainingSet const& set, std::shared_ptr<Mesh const> const& mesh) const {
  auto spec = std::make_shared<BatchSpec>(*set.train->batch_spec());
  auto const cells = spec->input_grid.shape();
  spec->sharding =
      mesh->is_split() ? std::make_shared<Sharding const>(mesh, cells, align(cells)) : nullptr;
  if (spec->sharding && spec->fit) {
    spec->fit = std::make_shared<Fit const>(spec->fit->divided(spec->sharding));
  }
  return spec;
}

Batch Rehearsal::made_up(Surrogate const& network,
                         std::shared_ptr<BatchSpec const> spec,
                         int64_t samples) const {
  auto const in = spec->sharding ? spec->sharding->block().box.size : spec->input_grid.shape();
  auto const out = spec->sharding ? in : spec->output_grid.shape();
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
  batch.spec = std::move(spec);
  return batch;
}

RankNeeds Rehearsal::needs(Sharing const& sharing) const {
  auto const mesh =
      std::make_shared<Mesh const>(Communicator::rehearsal(busiest(sharing), sharing.ranks),
                                   sharing.domain,
                                   config_.parallel.in_flight);
  RankNeeds needs{.samples = local_samples(sharing)};
  needs.cells = cells_and_samples(sharing) / needs.samples;
  int64_t ahead = 0;
  needs.tensor_bytes = allocator_peak([&] {
    auto const network = entry_->make(section_.config, data_->spec(*entry_), 0);
    TargetRule rule{.kind = config_.train.target, .fields = data_->fields(*entry_)};
    std::vector<Grid> grids;
    for (auto const& set : data_->sets()) {
      grids.push_back(set.train->batch_spec()->output_grid);
    }
    auto const outputs = data_->sets().front().train->batch_spec()->output_fields.channels();
    if (rule.kind == TargetKind::increment) {
      rule.increments[""] = {at::zeros({1, outputs}), at::ones({1, outputs})};
    }
    LearningStep learner(
        network,
        rule,
        Loss(config_.train.loss, grids, at::kCPU),
        config_.train,
        {mesh->world(),
         config_.parallel.shard_optimizer ? MomentsOn::one_rank : MomentsOn::every_rank});
    WeightAverage average(learner.optimiser().parameters(), config_.train.ema);
    for (auto const& set : data_->sets()) {
      OneBatch source(made_up(*network, part_spec(set, mesh), needs.samples), config_.train.batch);
      ahead = std::max(ahead, LoaderOptions{}.prefetch * source.bytes());
      std::map<std::string, ProcessGroupCounters::Count> before;
      for (int64_t step = 0; step < 2; ++step) {
        before = traffic_of_process();
        learner.take(source,
                     {.step = config_.train.unroll.grow_every * config_.train.unroll.steps + step,
                      .batches = config_.train.accumulate,
                      .samples = config_.train.accumulate * config_.train.batch});
      }
      if (auto sent = sent_since(before); sum_of(sent) > sum_of(needs.sent)) {
        needs.sent = std::move(sent);
      }
    }
  });
  needs.tensor_bytes += ahead;
  return needs;
}

}  // namespace eddyline
