#include "workflows/evaluation/baseline.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include "core/entries.hpp"
#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr int64_t kHours = 24;

/// Hours in one unit of time: "h", "hours since 1900-01-01", …; 0 if it is none.
double hours_in(std::string const& unit) {
  auto const word = unit.substr(0, unit.find(' '));
  static std::map<std::string, double> const known = {{"s", 1 / 3600.0},
                                                      {"sec", 1 / 3600.0},
                                                      {"second", 1 / 3600.0},
                                                      {"seconds", 1 / 3600.0},
                                                      {"min", 1 / 60.0},
                                                      {"minute", 1 / 60.0},
                                                      {"minutes", 1 / 60.0},
                                                      {"h", 1},
                                                      {"hr", 1},
                                                      {"hour", 1},
                                                      {"hours", 1},
                                                      {"d", 24},
                                                      {"day", 24},
                                                      {"days", 24}};
  auto const found = known.find(word);
  return found == known.end() ? 0.0 : found->second;
}

}  // namespace

std::string to_string(BaselineKind kind) {
  for (auto const& [value, name] : EnumNames<BaselineKind>::names) {
    if (value == kind) {
      return name;
    }
  }
  return "";
}

Climatology::Climatology(Dataset& training, Communicator const& ranks)
    : hours_per_unit_(hours_in(training.state_spec()->time_unit)) {
  require(hours_per_unit_ > 0,
          "the baseline 'climatology' needs times in hours, days, minutes or seconds; the data's "
          "unit is '",
          training.state_spec()->time_unit,
          "'; leave it out of evaluate.baselines");
  auto const& shape = training.block().box.size;
  auto const& sharing = training.sharing_out(ranks);
  auto sums =
      at::zeros({kHours, training.state_spec()->fields.channels(), shape[0], shape[1], shape[2]},
                at::kDouble);
  auto counts = at::zeros_like(sums);
  int64_t number = 0;
  for (int64_t trajectory = 0; trajectory < training.trajectories(); ++trajectory) {
    auto const times = training.times(trajectory);
    for (size_t frame = 0; frame < times.size(); ++frame) {
      if (number++ % sharing.size() != sharing.rank()) {
        continue;
      }
      auto const values =
          training.read({trajectory, static_cast<int64_t>(frame), 1, 1}).values[0].to(at::kDouble);
      auto const bin = bin_of(times[frame]);
      sums[bin] += values.nan_to_num(0);
      counts[bin] += values.isnan().logical_not();
    }
  }
  sharing.all_reduce(std::span(sums.data_ptr<double>(), static_cast<size_t>(sums.numel())));
  sharing.all_reduce(std::span(counts.data_ptr<double>(), static_cast<size_t>(counts.numel())));
  auto const all = sums.sum(0, /*keepdim=*/true) / counts.sum(0, true);
  means_ = at::where(counts.gt(0), sums / counts, all).to(at::kFloat);
}

int64_t Climatology::bin_of(double time) const {
  auto const hour = std::fmod(time * hours_per_unit_, static_cast<double>(kHours));
  return static_cast<int64_t>(std::llround(hour + (hour < 0 ? kHours : 0))) % kHours;
}

at::Tensor Climatology::at(std::vector<double> const& times) const {
  std::vector<int64_t> bins;
  for (auto const time : times) {
    bins.push_back(means_.size(0) == 1 ? 0 : bin_of(time));
  }
  return take_entries(means_, 0, bins);
}

Baselines::Baselines(std::vector<BaselineKind> kinds,
                     Statistics const& statistics,
                     FieldSet const& fields,
                     std::shared_ptr<Climatology const> climatology)
    : kinds_(std::move(kinds)), climatology_(std::move(climatology)) {
  auto const means = statistics.select(fields.channel_names()).mean;
  mean_ = at::tensor(means, at::kDouble).to(at::kFloat).view({1, -1, 1, 1, 1});
}

std::vector<std::string> Baselines::names() const {
  std::vector<std::string> names;
  for (auto const kind : kinds_) {
    names.push_back(to_string(kind));
  }
  return names;
}

bool Baselines::needs_newest_frame() const {
  return needs_frame_before() ||
         std::find(kinds_.begin(), kinds_.end(), BaselineKind::persistence) != kinds_.end();
}

bool Baselines::needs_frame_before() const {
  return std::find(kinds_.begin(), kinds_.end(), BaselineKind::linear) != kinds_.end();
}

at::Tensor Baselines::forecast(std::string const& method,
                               ForecastStart const& start,
                               int64_t step) const {
  if (method == "persistence") {
    return start.newest;
  }
  if (method == "linear") {
    EDDYLINE_ENSURE(start.before.defined(), "no frame before the newest");
    return start.newest + (start.newest - start.before) * static_cast<double>(step);
  }
  if (method == "mean") {
    return mean_.to(start.newest.device()).expand_as(start.newest);
  }
  EDDYLINE_ENSURE(method == "climatology" && climatology_, "method '", method, "'");
  return climatology(start, step);
}

at::Tensor Baselines::climatology(ForecastStart const& start, int64_t step) const {
  if (!climatology_) {
    return {};
  }
  auto times = start.times;
  for (auto& time : times) {
    time += static_cast<double>(step) * start.interval;
  }
  return climatology_->at(times).to(start.newest.device());
}

}  // namespace eddyline
