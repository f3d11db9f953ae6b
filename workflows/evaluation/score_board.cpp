#include "workflows/evaluation/score_board.hpp"

#include <set>

#include "core/error.hpp"

namespace eddyline {

std::vector<std::pair<int64_t, int64_t>> const& reported_windows() {
  static std::vector<std::pair<int64_t, int64_t>> const windows = {{6, 12}, {13, 30}};
  return windows;
}

MetricResult Scores::mean_over(std::string const& column,
                               std::string const& method,
                               int64_t first,
                               int64_t last) const {
  auto const& steps = columns.at(column).at(method);
  require(first >= 0 && first < last && last <= static_cast<int64_t>(steps.size()),
          "steps ",
          first,
          ":",
          last,
          " are not among the ",
          steps.size(),
          " that were scored; raise the horizon to ",
          last);
  if (auto const found = pooled.find(column); found != pooled.end()) {
    return found->second.at(method).at({first, last});
  }
  auto mean = steps[static_cast<size_t>(first)];
  auto const count = static_cast<double>(last - first);
  for (auto step = first + 1; step < last; ++step) {
    auto const& next = steps[static_cast<size_t>(step)];
    mean.overall += next.overall;
    for (size_t c = 0; c < mean.channels.size(); ++c) {
      mean.channels[c] += next.channels[c];
    }
  }
  mean.overall /= count;
  for (auto& value : mean.channels) {
    value /= count;
  }
  return mean;
}

ScoreBoard::ScoreBoard(std::vector<std::string> columns,
                       std::vector<std::string> methods,
                       int64_t steps,
                       Grid const& grid,
                       Affine normalisation)
    : columns_(std::move(columns)),
      methods_(std::move(methods)),
      steps_(steps),
      normalisation_(std::move(normalisation)) {
  std::set<MetricEntry const*> seen;
  for (auto const& column : columns_) {
    auto const* entry = &metric_entry(column);
    if (seen.insert(entry).second) {
      families_.push_back(entry);
    }
  }
  for (auto const& method : methods_) {
    for (int64_t step = 0; step < steps_; ++step) {
      auto& of_step = metrics_[method].emplace_back();
      for (auto const* entry : families_) {
        of_step.push_back(entry->make(grid));
      }
    }
    for (auto const& window : reported_windows()) {
      for (auto const* entry : families_) {
        if (window.second <= steps_) {
          windows_[method][window].push_back(
              entry->over_frames == OverFrames::pooled ? entry->make(grid) : nullptr);
        }
      }
    }
  }
}

void ScoreBoard::update(std::string const& method, int64_t step, Comparison const& comparison) {
  auto normalised = comparison;
  if (normalisation_.mean.defined()) {
    normalised.prediction = normalisation_.normalise(comparison.prediction);
    normalised.target = normalisation_.normalise(comparison.target);
  }
  auto const& of_step = metrics_.at(method).at(static_cast<size_t>(step));
  for (size_t i = 0; i < families_.size(); ++i) {
    bool const is_normalised = families_[i]->space == Space::normalised;
    EDDYLINE_ENSURE(!is_normalised || normalisation_.mean.defined(),
                    families_[i]->names.front(),
                    " needs the normalisation");
    auto const& seen = is_normalised ? normalised : comparison;
    of_step[i]->update(seen);
    for (auto const& [window, of_window] : windows_[method]) {
      if (of_window[i] && step >= window.first && step < window.second) {
        of_window[i]->update(seen);
      }
    }
  }
}

Scores ScoreBoard::scores(Communicator const& ranks) const {
  Scores scores{.methods = methods_, .samples = ranks.all_reduce(samples_), .pooled = {}};
  auto const take = [&](Metric const& metric, auto const& keep) {
    for (auto const& [name, result] : metric.result(ranks)) {
      if (std::find(columns_.begin(), columns_.end(), name) != columns_.end()) {
        keep(name, result);
      }
    }
  };
  for (auto const& method : methods_) {
    for (auto const& of_step : metrics_.at(method)) {
      for (auto const& metric : of_step) {
        take(*metric, [&](auto const& name, auto const& result) {
          scores.columns[name][method].push_back(result);
        });
      }
    }
    if (!windows_.contains(method)) {
      continue;
    }
    for (auto const& [window, of_window] : windows_.at(method)) {
      for (auto const& metric : of_window) {
        if (metric) {
          take(*metric, [&](auto const& name, auto const& result) {
            scores.pooled[name][method][window] = result;
          });
        }
      }
    }
  }
  return scores;
}

}  // namespace eddyline
