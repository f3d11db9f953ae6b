#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/communicator.hpp"
#include "core/config_type.hpp"
#include "data/pipeline/dataset.hpp"
#include "data/pipeline/statistics.hpp"

namespace eddyline {

/// Forecasts that cost nothing, which a model has to beat.
enum class BaselineKind {
  persistence,  ///< the newest frame stays
  linear,       ///< the last change goes on: x + k (x - x_before)
  mean,         ///< the training mean of each channel
  climatology,  ///< the training mean of each cell at the target's hour of day
};
template <>
struct EnumNames<BaselineKind> {
  static constexpr auto names = std::to_array<std::pair<BaselineKind, char const*>>(
      {{BaselineKind::persistence, "persistence"},
       {BaselineKind::linear, "linear"},
       {BaselineKind::mean, "mean"},
       {BaselineKind::climatology, "climatology"}});
};
std::string to_string(BaselineKind kind);

/// Where the climatology comes from.
enum class ClimatologyFrom {
  computed,   ///< hour-of-day means of the training part
  published,  ///< the mean of the training part that a folder of ClimaX's shards comes with
};
template <>
struct EnumNames<ClimatologyFrom> {
  static constexpr auto names = std::to_array<std::pair<ClimatologyFrom, char const*>>(
      {{ClimatologyFrom::computed, "computed"}, {ClimatologyFrom::published, "published"}});
};

/// What a forecast starts from.
struct ForecastStart {
  at::Tensor newest;          ///< (B, C, D, H, W) physical
  at::Tensor before;          ///< one step earlier; undefined if not known
  std::vector<double> times;  ///< of the newest frames
  double interval = 1;        ///< of a step
};

/// Mean of every cell, by hour of day or of all times.
class Climatology {
 public:
  /// One pass over `training`, each rank its share; joined over the ranks. Of this rank's block
  /// where samples are split. Collective.
  /// \throw Error  if the data's times are not in a unit of time
  Climatology(Dataset& training, Communicator const& ranks);
  /// The same at all times. \param mean  (C, D, H, W)
  explicit Climatology(at::Tensor const& mean) : means_(mean.unsqueeze(0)) {}
  /// (B, C, D, H, W) at those times.
  at::Tensor at(std::vector<double> const& times) const;

 private:
  int64_t bin_of(double time) const;

  double hours_per_unit_ = 0;
  /// (24, C, D, H, W) float32, hours without data hold the mean of all; or (1, C, D, H, W).
  at::Tensor means_;
};

/// Baselines by name at step `step` (from 1) after a start.
class Baselines {
 public:
  /// \param climatology  needed if it is among `kinds`
  Baselines(std::vector<BaselineKind> kinds,
            Statistics const& statistics,
            FieldSet const& fields,
            std::shared_ptr<Climatology const> climatology = nullptr);

  std::vector<std::string> names() const;
  bool needs_frame_before() const;
  /// True if one of them goes on from the newest frame.
  bool needs_newest_frame() const;
  /// Of the training part at `step`; undefined if there is none.
  at::Tensor climatology(ForecastStart const& start, int64_t step) const;
  /// \param method  one of names()
  at::Tensor forecast(std::string const& method, ForecastStart const& start, int64_t step) const;

 private:
  std::vector<BaselineKind> kinds_;
  at::Tensor mean_;  ///< (1, C, 1, 1, 1)
  std::shared_ptr<Climatology const> climatology_;
};

}  // namespace eddyline
