#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "data/field/grid.hpp"
#include "workflows/metrics/metric.hpp"

namespace eddyline {

/// Values of one column: method → step (from 0) → result.
using MethodScores = std::map<std::string, std::vector<MetricResult>>;

/// What an evaluation found: column ("vrmse.well") → method ("model") → step.
struct Scores {
  std::vector<std::string> methods;  ///< in the order of the board
  std::map<std::string, MethodScores> columns;
  int64_t samples = 0;  ///< windows that were scored

  /// Mean over steps [first, last) of a column and method; channels alike.
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
  /// \param columns  names of metrics; their families are made once each
  ScoreBoard(std::vector<std::string> columns,
             std::vector<std::string> methods,
             int64_t steps,
             Grid const& grid);

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
  std::map<std::string, std::vector<std::vector<std::unique_ptr<Metric>>>>
      metrics_;  ///< method → step → family
};

}  // namespace eddyline
