#include "workflows/metrics/sample_metric.hpp"

#include <cmath>
#include <limits>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

double nothing_yet(Reduction join) {
  return join == Reduction::max ? -std::numeric_limits<double>::infinity() : 0.0;
}

/// The tensor joined over the ranks, which all hold the same shape.
at::Tensor join_ranks(at::Tensor const& values, Reduction join, Communicator const& communicator) {
  auto joined = values.clone().contiguous();
  communicator.all_reduce(std::span(joined.data_ptr<double>(), static_cast<size_t>(joined.numel())),
                          join);
  return joined;
}

}  // namespace

SampleMetric::SampleMetric(SampleRule rule, Grid const& grid)
    : rule_(std::move(rule)), cells_(grid) {
  if (!rule_.finish) {
    rule_.finish = [](at::Tensor const& sums, at::Tensor const& counts) { return sums / counts; };
  }
}

void SampleMetric::update(Comparison const& comparison) {
  MaskedPair const pair(comparison);
  sharding_ = comparison.sharding;
  auto numbers = rule_.measure(pair, cells_);               // (B, C, K)
  auto const seen = pair.cell_count().gt(0).unsqueeze(-1);  // (B, C, 1)
  auto const empty = at::full({}, nothing_yet(rule_.join), at::kDouble);
  numbers = at::where(seen, numbers, empty);
  auto const counts = seen.to(at::kDouble).sum(0);  // (C, 1)
  if (!joined_.defined()) {
    joined_ = at::full({numbers.size(1), numbers.size(2)}, empty.item<double>(), at::kDouble);
    samples_ = at::zeros_like(counts);
  }
  // maximum, unlike max over doubles in MPI, keeps a NaN: a diverged sample must show.
  joined_ = rule_.join == Reduction::max ? at::maximum(joined_, std::get<0>(numbers.max(0)))
                                         : joined_ + numbers.sum(0);
  samples_ = samples_ + counts;
}

/// Ranks that saw no sample do not know how they are split: they learn it from the others.
at::Tensor SampleMetric::pooled(at::Tensor const& joined,
                                at::Tensor const& counts,
                                Communicator const& communicator) const {
  if (!rule_.pool) {
    return joined;
  }
  auto const least = -std::numeric_limits<double>::infinity();
  auto const own = samples_.defined() ? rule_.pool(joined, counts, sharding_.get()) : at::Tensor();
  auto const columns =
      communicator.all_reduce(own.defined() ? own.size(1) : int64_t{0}, Reduction::max);
  auto const given = own.defined() ? at::nan_to_num(own, least, -least, least)
                                   : at::full({joined.size(0), columns}, least, at::kDouble);
  auto const all = join_ranks(given, Reduction::max, communicator);
  return at::where(all.eq(least), at::full({}, std::nan(""), at::kDouble), all);
}

std::map<std::string, MetricResult> SampleMetric::result(Communicator const& communicator) const {
  // A rank without samples learns the shape from the others.
  auto const channels =
      communicator.all_reduce(joined_.defined() ? joined_.size(0) : int64_t{0}, Reduction::max);
  auto const columns =
      communicator.all_reduce(joined_.defined() ? joined_.size(1) : int64_t{0}, Reduction::max);
  std::map<std::string, MetricResult> results;
  if (channels == 0) {
    for (auto const& name : rule_.names) {
      results[name] = {{}, std::nan("")};
    }
    return results;
  }
  auto const joined = joined_.defined()
                          ? joined_
                          : at::full({channels, columns}, nothing_yet(rule_.join), at::kDouble);
  auto const samples = samples_.defined() ? samples_ : at::zeros({channels, 1}, at::kDouble);
  // NaN travels as a count, since MPI_MAX may drop it.
  auto const broken = join_ranks(joined.isnan().to(at::kDouble), Reduction::sum, communicator);
  auto total = join_ranks(at::nan_to_num(joined,
                                         0.0,
                                         std::numeric_limits<double>::infinity(),
                                         -std::numeric_limits<double>::infinity()),
                          rule_.join,
                          communicator);
  auto counts = join_ranks(samples, Reduction::sum, communicator);
  auto const nan = at::full({}, std::nan(""), at::kDouble);
  total = at::where(at::logical_or(broken.gt(0), counts.eq(0)), nan, total);
  total = pooled(total, counts, communicator);
  if (rule_.channels == Channels::pooled) {
    total = total.sum(0, /*keepdim=*/true);
    counts = counts.sum(0, /*keepdim=*/true);
  }
  auto const values = rule_.finish(total, counts);  // (C or 1, names)
  for (size_t i = 0; i < rule_.names.size(); ++i) {
    auto const column = values.select(1, static_cast<int64_t>(i)).contiguous();
    auto& result = results[rule_.names[i]];
    if (rule_.channels == Channels::each) {
      result.channels.assign(column.data_ptr<double>(), column.data_ptr<double>() + channels);
    }
    result.overall = column.mean().item<double>();
  }
  return results;
}

}  // namespace eddyline
