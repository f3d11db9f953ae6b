#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "core/entries.hpp"
#include "core/error.hpp"
#include "data/pipeline/dataset.hpp"

namespace eddyline {
namespace {

constexpr size_t kConstantsKept = 64;  // series whose constant fields stay in memory

}  // namespace

void Dataset::read_any(FrameRange const& frames, at::Tensor const& out, Flips const& flips) {
  auto const range = in_file(frames);
  auto const cells = fit_.shown_cells(flips);
  auto const box = as_box(cells);
  std::lock_guard const lock(*reading_);
  if (box && channels_.empty()) {
    reader_->read(range, *box, out);
    return;
  }
  out.copy_(read_cells(cells, [&](Box const& part) {
    auto const& size = part.size;
    auto values =
        at::empty({range.count, source().fields.channels(), size[0], size[1], size[2]}, at::kFloat);
    reader_->read(range, part, values);
    return channels_.empty() ? values : take_entries(values, 1, channels_);
  }));
}

void Dataset::read_into(FrameRange const& frames, at::Tensor const& out, Flips const& flips) {
  with_context(
      [&] {
        read_any(frames, out, flips);
        if (flips != Flips{}) {
          out.mul_(mirror_signs(fields_, fit_.grid(), flips));
        }
        if (config_.missing == Missing::refuse) {
          refuse_missing(frames, out);
        } else if (config_.missing == Missing::zero) {
          out.masked_fill_(out.isnan(), 0);
        }
      },
      "reading ",
      describe(frames.trajectory));
}

Trajectory Dataset::read(FrameRange const& frames) {
  auto const shape = block().box.size;
  auto values =
      at::empty({frames.count, fields_.channels(), shape[0], shape[1], shape[2]}, at::kFloat);
  read_into(frames, values);
  return {.values = std::move(values), .times = times(frames), .spec = state_spec_};
}

void Dataset::refuse_missing(FrameRange const& frames, at::Tensor const& values) const {
  // One pass without a temporary; infinities of both signs make NaN too, so the count below
  // decides.
  if (!std::isnan(values.sum().item<double>())) {
    return;
  }
  auto const inner = file_cells(values);
  auto const missing = inner.isnan().sum(at::IntArrayRef{2, 3, 4});  // (count, C)
  auto const where = missing.nonzero();
  if (where.size(0) == 0) {
    return;
  }
  auto const frame = where[0][0].item<int64_t>();
  auto const channel = where[0][1].item<int64_t>();
  auto const range = in_file(frames);
  throw Error(concat("field '",
                     fields_.channel_names()[static_cast<size_t>(channel)],
                     "' has ",
                     missing[frame][channel].item<int64_t>(),
                     " missing values (NaN) of ",
                     inner.size(2) * inner.size(3) * inner.size(4),
                     " in frame ",
                     range.first + frame * range.stride,
                     "; set data.missing to mean or mask, or leave the field out of data.fields"));
}

/// Of all cells that have a value, (Cc, 1, 1, 1): read in slabs, so that no rank holds them all.
at::Tensor Dataset::constant_means(int64_t series) {
  auto const& all = fit_.source();
  auto const longest = static_cast<size_t>(std::ranges::max_element(all.size) - all.size.begin());
  auto const parts = sharding_ ? sharding_->mesh().domain().size() : 1;
  auto const thick = std::max<int64_t>(1, all.size[longest] / parts);
  at::Tensor sums, counts;
  for (int64_t first = 0; first < all.size[longest]; first += thick) {
    auto slab = all;
    slab.first[longest] += first;
    slab.size[longest] = std::min(thick, all.size[longest] - first);
    auto const values = reader_->read_constants(series, slab);
    auto const sum = values.nansum(at::IntArrayRef{1, 2, 3}, /*keepdim=*/true, at::kDouble);
    auto const count = values.isnan().logical_not().sum(at::IntArrayRef{1, 2, 3}, true);
    sums = sums.defined() ? sums + sum : sum;
    counts = counts.defined() ? counts + count : count;
  }
  return (sums / counts).nan_to_num(0).to(at::kFloat);
}

/// With the mean of the whole field where values are missing.
at::Tensor Dataset::read_constants(int64_t series, CellNumbers const& cells) {
  auto const values =
      read_cells(cells, [&](Box const& box) { return reader_->read_constants(series, box); });
  if (!values.defined()) {
    return values;
  }
  auto const missing = values.isnan();
  return missing.any().item<bool>() ? at::where(missing, constant_means(series), values) : values;
}

at::Tensor Dataset::constants_of_series(int64_t series, Flips const& flips) {
  std::lock_guard const lock(*reading_);
  if (auto const kept = constants_.find({series, flips}); kept != constants_.end()) {
    return kept->second;
  }
  auto values = read_constants(series, fit_.shown_cells(flips)).contiguous();
  if (flips != Flips{}) {
    values = values * mirror_signs(source().constants, fit_.grid(), flips);
  }
  if (constants_.size() >= kConstantsKept) {
    constants_.erase(constants_.begin());
  }
  return constants_[{series, flips}] = values;
}

at::Tensor Dataset::constants(int64_t trajectory, Flips const& flips) {
  return source().constants.empty() ? at::Tensor()
                                    : constants_of_series(part(trajectory).series, flips);
}

at::Tensor Dataset::known_at(int64_t trajectory,
                             std::vector<double> const& times,
                             Flips const& flips) {
  if (known_.empty()) {
    return {};
  }
  at::Tensor chosen;
  if (!known_.constant_inputs().empty()) {
    auto const channels = source().constants.channels_of(known_.constant_inputs());
    chosen = take_entries(constants(trajectory, flips), 0, channels);
  }
  return known_.at(times, chosen, block().box);
}

at::Tensor Dataset::scalars(FrameRange const& frames) {
  auto const range = in_file(frames);
  std::vector<at::Tensor> columns;
  if (!source().scalars.empty()) {
    std::lock_guard const lock(*reading_);
    columns.push_back(reader_->read_scalars(range).to(at::kFloat));
  }
  auto const& series = source().trajectories[static_cast<size_t>(range.trajectory)];
  for (auto const& name : parameters_) {
    columns.push_back(at::full({range.count, 1}, series.parameters.at(name), at::kFloat));
  }
  return columns.empty() ? at::Tensor() : at::cat(columns, 1);
}

at::Tensor Dataset::mask_of(at::Tensor const& values) const {
  auto const present = config_.missing == Missing::mask
                           ? values.isnan().logical_not().to(at::kFloat)
                           : at::ones_like(values, at::kFloat);
  return fit_.adds_cells() ? present * fit_.mask().to(values.device()) : present;
}

int64_t Dataset::bytes_read() const {
  std::lock_guard const lock(*reading_);
  return reader_->bytes_read();
}

}  // namespace eddyline
