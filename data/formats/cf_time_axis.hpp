#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/formats/cf_time.hpp"
#include "data/formats/reader.hpp"

namespace eddyline {

/// Times of a data set as numbers that readers of CF understand: months and years become days,
/// because their lengths are read differently.
class CfClock {
 public:
  /// \throw Error  if the data's origin or calendar is none that is known
  explicit CfClock(DatasetSpec const& data);

  /// "hours"; what the data say where it is no unit of time.
  std::string const& unit() const { return unit_; }
  bool has_dates() const { return clock_.has_value(); }
  /// "hours since 1979-01-01 00:00:00", or the unit alone where there are no dates.
  std::string units() const;
  /// Of dates.
  std::string calendar() const { return to_string(clock_->calendar); }
  double number(double time) const;

 private:
  std::optional<CfTime> clock_;
  std::string unit_;
  bool in_days_ = false;
};

/// Of each trajectory: times by the clock, and from its first frame.
struct CfTimes {
  std::vector<std::vector<double>> times, leads;
};
/// \throw Error  naming a trajectory without frames
CfTimes cf_times(DatasetSpec const& data, CfClock const& clock);

/// What axes of time hold all trajectories.
enum class TimeLayout {
  one,           ///< time
  realizations,  ///< all have the same times: realization and time
  initial_times  ///< the same times from their first frames: initial_time and lead_time
};
/// \throw Error  if there is none
TimeLayout time_layout(DatasetSpec const& data, CfTimes const& times);

}  // namespace eddyline
