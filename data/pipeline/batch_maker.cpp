#include "data/pipeline/batch_maker.hpp"

#include <ATen/ATen.h>

#include "core/transfer.hpp"

namespace eddyline {
BatchMaker::BatchMaker(Dataset& data, Statistics const& statistics, at::Device device)
    : data_(data),
      device_(device),
      normaliser_(
          data.config().normalisation, data.config().pooling, statistics, *data.batch_spec()) {}

WindowShape const& BatchMaker::shape_of(WindowAddress const& address) const {
  return data_.window_shapes()[static_cast<size_t>(address.shape)];
}

at::Tensor BatchMaker::empty(std::vector<int64_t> const& shape) const {
  return at::empty(shape, at::TensorOptions(at::kFloat).pinned_memory(device_.is_cuda()));
}

/// (B, Ti + To, C, D, H, W) on the host.
at::Tensor BatchMaker::read_frames(std::vector<int64_t> const& samples,
                                   std::vector<Flips> const& flips) {
  auto const& cells = data_.block().box.size;
  auto const history = data_.window_shape().history;  // alike at all strides
  auto const total = history + data_.window_shape().horizon;
  auto frames = empty({static_cast<int64_t>(samples.size()),
                       total,
                       data_.state_spec()->fields.channels(),
                       cells[0],
                       cells[1],
                       cells[2]});
  for (size_t i = 0; i < samples.size(); ++i) {
    auto const address = data_.window(samples[i]);
    auto const& shape = shape_of(address);
    auto const out = frames.select(0, static_cast<int64_t>(i));
    auto const mirror = flips.empty() ? Flips{} : flips[i];
    if (shape.is_even()) {
      data_.read_into({address.trajectory, address.first, total, shape.lead}, out, mirror);
    } else {
      data_.read_into(input_frames(shape, address), out.narrow(0, 0, history), mirror);
      data_.read_into(target_frames(shape, address), out.narrow(0, history, shape.horizon), mirror);
    }
  }
  return frames;
}

/// (B, Ti + To, Ck, D, H, W) on the host.
at::Tensor BatchMaker::read_known(std::vector<int64_t> const& samples,
                                  std::vector<Flips> const& flips) {
  auto const& cells = data_.block().box.size;
  auto known = empty({static_cast<int64_t>(samples.size()),
                      data_.window_shape().history + data_.window_shape().horizon,
                      data_.known_fields().fields().channels(),
                      cells[0],
                      cells[1],
                      cells[2]});
  for (size_t i = 0; i < samples.size(); ++i) {
    auto const address = data_.window(samples[i]);
    auto const& shape = shape_of(address);
    auto times = data_.times(input_frames(shape, address));
    auto const later = data_.times(target_frames(shape, address));
    times.insert(times.end(), later.begin(), later.end());
    known.select(0, static_cast<int64_t>(i))
        .copy_(data_.known_at(address.trajectory, times, flips.empty() ? Flips{} : flips[i]));
  }
  return known;
}

/// Whole-trajectory maps of the samples, (B, C).
Affine BatchMaker::oracle_of(std::vector<int64_t> const& samples) {
  std::vector<at::Tensor> means, scales;
  for (auto const sample : samples) {
    auto const trajectory = data_.window(sample).trajectory;
    if (!oracle_.contains(trajectory)) {
      auto const whole = data_.read({trajectory, 0, data_.frames(trajectory), 1});
      oracle_[trajectory] =
          oracle_norm(data_.file_cells(whole.values), whole.spec->fields, data_.loading_group());
    }
    means.push_back(oracle_[trajectory].mean);
    scales.push_back(oracle_[trajectory].scale);
  }
  auto const none = at::ones({0, data_.state_spec()->fields.channels()});
  return samples.empty() ? Affine{none, none} : Affine{at::cat(means), at::cat(scales)};
}

void BatchMaker::add_facts(Batch& batch,
                           std::vector<int64_t> const& samples,
                           std::vector<Flips> const& flips) {
  std::vector<at::Tensor> constants, scalars;
  std::vector<float> lead;
  for (size_t i = 0; i < samples.size(); ++i) {
    auto const address = data_.window(samples[i]);
    auto const& shape = shape_of(address);
    auto const now = input_frames(shape, address).first + (shape.history - 1) * shape.input_stride;
    auto const time_of = [&](int64_t frame) {
      return data_.times({address.trajectory, frame, 1, 1})[0];
    };
    lead.push_back(static_cast<float>(time_of(target_frames(shape, address).first) - time_of(now)));
    constants.push_back(data_.constants(address.trajectory, flips.empty() ? Flips{} : flips[i]));
    scalars.push_back(data_.scalars({address.trajectory, now, 1, 1}));
  }
  batch.lead_time = sent(at::tensor(lead), device_);
  if (!samples.empty() && constants[0].defined()) {
    batch.constants = sent(at::stack(constants), device_);
  }
  if (!samples.empty() && scalars[0].defined()) {
    batch.scalars = sent(at::cat(scalars), device_);
  }
}

Batch BatchMaker::make(std::vector<int64_t> const& samples, std::vector<Flips> const& flips) {
  auto const& shape = data_.window_shape();
  auto const frames = read_frames(samples, flips).to(device_, /*non_blocking=*/true);
  Batch batch{.sample_ids = samples,
              .global_size = static_cast<int64_t>(samples.size()),
              .spec = data_.batch_spec()};
  batch.input = data_.inputs().of(frames.narrow(1, 0, shape.history));
  auto const& outputs = data_.outputs();
  batch.target = StatePart{outputs.channels, {}}.of(frames.narrow(1, shape.history, shape.horizon));
  if (data_.config().missing == Missing::mask) {
    batch.absent = missing_throughout(batch.input);
  }
  if (!data_.known_fields().empty()) {
    auto const known = read_known(samples, flips).to(device_, /*non_blocking=*/true);
    batch.input = at::cat({batch.input, known.narrow(1, 0, shape.history)}, 2);
    batch.forcing = known.narrow(1, shape.history, shape.horizon);
  }
  bool const oracle = normaliser_.kind() == Normalisation::oracle;
  batch.input_norm = oracle ? normaliser_.input_norm(batch.input, oracle_of(samples))
                            : normaliser_.input_norm(batch.input, data_.loading_group());
  batch.target_norm = normaliser_.target_norm(batch.input_norm);
  if (data_.has_mask()) {
    batch.mask =
        data_.mask_of(batch.target).amin(1);  // a cell counts if it is there in all target frames
  }
  if (data_.config().missing != Missing::refuse) {
    auto const fill = normaliser_.kind() == Normalisation::window
                          ? batch.input_norm.mean
                          : normaliser_.training_mean().unsqueeze(0).to(device_);
    fill_missing(batch.input, fill);
    fill_missing(batch.target, normaliser_.target_norm({fill, fill}).mean);
  }
  if (outputs.cells) {
    auto const cut = [&](at::Tensor const& values) {
      return outputs.cells->take(values, data_.loading_group());
    };
    batch.target = cut(batch.target).contiguous();
    batch.mask = batch.mask.defined() ? cut(batch.mask) : batch.mask;
  }
  add_facts(batch, samples, flips);
  return batch;
}

}  // namespace eddyline
