#pragma once

#include <memory>

#include "data/field/grid.hpp"
#include "workflows/metrics/metric.hpp"

namespace eddyline {

/// In which numbers a metric is taken: as the data have them, or less the mean and over the
/// standard deviation of the training part (data.pooling), as a network sees them.
enum class Space { physical, normalised };

/// mean: of the steps' values; pooled: one value of all their frames together.
enum class OverFrames { mean, pooled };

/// by_name: left out where all metrics are asked for, as it costs memory or needs more than truth.
enum class Wanted { always, by_name };

/// One line of the table: all that other code knows of a metric.
struct MetricEntry {
  std::vector<std::string> names;
  /// Formula, epsilon, weights, and how samples and channels are averaged. p: prediction, y: truth.
  std::string definition;
  Space space = Space::physical;
  /// True unit: "1" for a pure number, "field" for the field's own, "field^2".
  std::string unit = "1";
  std::unique_ptr<Metric> (*make)(Grid const& grid) = nullptr;
  /// How steps of a rollout become one value.
  OverFrames over_frames = OverFrames::mean;
  Wanted wanted = Wanted::always;
};

std::vector<MetricEntry> const& metric_registry();
/// The entry that has a column of that name.
/// \throw Error  naming the known ones, the nearest first
MetricEntry const& metric_entry(std::string const& name);
/// Every known column, in the table's order.
std::vector<std::string> metric_names();
/// The same without those that are taken by name only.
std::vector<std::string> usual_metric_names();
std::string to_string(Space space);

}  // namespace eddyline
