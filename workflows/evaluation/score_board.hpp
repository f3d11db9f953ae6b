#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/communicator.hpp"
#include "data/batch.hpp"
#include "workflows/metrics/registry.hpp"

namespace eddyline {

/// Values of one column: method → step (from 0) → result.
using MethodScores = std::map<std::string, std::vector<MetricResult>>;

/// Slices of a rollout's steps that are reported, as The Well's benchmark names them: 6:12 is
/// predicted frames 6 … 11 when the first predicted frame is 0.
std::vector<std::pair<int64_t, int64_t>> const& reported_windows();

/// What an evaluation found: column ("vrmse.well") → method ("model") → step.
struct Scores {
  std::vector<std::string> methods;  ///< in the order of the board
  std::map<std::string, MethodScores> columns;
  int64_t samples = 0;  ///< windows that were scored
  /// column → method → value over all frames of each reported window, where a metric pools frames.
  std::map<std::string, std::map<std::string, std::map<std::pair<int64_t, int64_t>, MetricResult>>>
      pooled;

  /// Value over steps [first, last) of a column and method: pooled where the metric pools frames,
  /// else the mean of the steps' values, channels alike.
  /// \throw Error  if there are fewer steps
  MetricResult mean_over(std::string const& column,
                         std::string const& method,
                         int64_t first,
                         int64_t last) const;
};

/// Metrics of several methods at several steps. All ranks hold the same board and join it at the
/// end.
class ScoreBoard {
 public:
  /// \param columns        names of metrics; their families are made once each
  /// \param normalisation  (1, C), for metrics in normalised space
  ScoreBoard(std::vector<std::string> columns,
             std::vector<std::string> methods,
             int64_t steps,
             Grid const& grid,
             Affine normalisation = {});

  std::vector<std::string> const& methods() const { return methods_; }
  void update(std::string const& method, int64_t step, Comparison const& comparison);
  /// Counts windows, for the record.
  void count_samples(int64_t samples) { samples_ += samples; }
  /// Collective.
  Scores scores(Communicator const& ranks) const;

 private:
  std::vector<std::string> columns_;
  std::vector<std::string> methods_;
  int64_t steps_;
  int64_t samples_ = 0;
  Affine normalisation_;
  std::vector<MetricEntry const*> families_;
  std::map<std::string, std::vector<std::vector<std::unique_ptr<Metric>>>>
      metrics_;  ///< method → step → family
  /// method → reported window → family; null where the family does not pool frames
  std::map<std::string, std::map<std::pair<int64_t, int64_t>, std::vector<std::unique_ptr<Metric>>>>
      windows_;
};

}  // namespace eddyline
