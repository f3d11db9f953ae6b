#include "workflows/evaluation/score_board.hpp"

#include <set>

#include "core/error.hpp"
#include "workflows/metrics/registry.hpp"

namespace eddyline {

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
                       Grid const& grid)
    : columns_(std::move(columns)), methods_(std::move(methods)), steps_(steps) {
  std::vector<MetricEntry const*> families;
  std::set<MetricEntry const*> seen;
  for (auto const& column : columns_) {
    auto const* entry = &metric_entry(column);
    if (seen.insert(entry).second) {
      families.push_back(entry);
    }
  }
  for (auto const& method : methods_) {
    auto& of_method = metrics_[method];
    for (int64_t step = 0; step < steps_; ++step) {
      auto& of_step = of_method.emplace_back();
      for (auto const* entry : families) {
        of_step.push_back(entry->make(grid));
      }
    }
  }
}

void ScoreBoard::update(std::string const& method, int64_t step, Comparison const& comparison) {
  for (auto const& metric : metrics_.at(method).at(static_cast<size_t>(step))) {
    metric->update(comparison);
  }
}

Scores ScoreBoard::scores(Communicator const& ranks) const {
  Scores scores{.methods = methods_, .samples = ranks.all_reduce(samples_)};
  for (auto const& method : methods_) {
    for (int64_t step = 0; step < steps_; ++step) {
      for (auto const& metric : metrics_.at(method)[static_cast<size_t>(step)]) {
        for (auto& [name, result] : metric->result(ranks)) {
          if (std::find(columns_.begin(), columns_.end(), name) != columns_.end()) {
            scores.columns[name][method].push_back(std::move(result));
          }
        }
      }
    }
  }
  return scores;
}

}  // namespace eddyline
