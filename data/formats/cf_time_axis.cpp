#include "data/formats/cf_time_axis.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr double kSameTime = 1e-6;  // of a step

std::map<std::string, std::string> const kUnitWords = {{"us", "microseconds"},
                                                       {"ms", "milliseconds"},
                                                       {"s", "seconds"},
                                                       {"min", "minutes"},
                                                       {"h", "hours"},
                                                       {"d", "days"}};

bool are_alike(std::vector<std::vector<double>> const& lists) {
  auto const& first = lists.front();
  auto const step = first.size() > 1 ? std::abs(first[1] - first[0]) : 1;
  return std::all_of(lists.begin(), lists.end(), [&](auto const& list) {
    bool same = list.size() == first.size();
    for (size_t i = 0; same && i < list.size(); ++i) {
      same = std::abs(list[i] - first[i]) <= kSameTime * step;
    }
    return same;
  });
}

}  // namespace

CfClock::CfClock(DatasetSpec const& data) {
  auto const word = kUnitWords.find(data.time_unit);
  unit_ = word == kUnitWords.end() ? data.time_unit : word->second;
  if (data.time_origin.empty()) {
    return;
  }
  clock_ = parse_cf_time(data.time_unit + " since " + data.time_origin, data.calendar);
  in_days_ = clock_->unit >= TimeUnit::month;
  unit_ = in_days_ ? "days" : unit_;
}

std::string CfClock::units() const {
  return clock_ ? unit_ + " since " + clock_->origin.describe() : unit_;
}

double CfClock::number(double time) const {
  return in_days_ ? days_between(clock_->calendar, clock_->origin, cf_calendar_date(*clock_, time))
                  : time;
}

CfTimes cf_times(DatasetSpec const& data, CfClock const& clock) {
  CfTimes all;
  for (auto const& series : data.trajectories) {
    require(series.frames() > 0, series.source, " has no frame to write");
    std::vector<double> times;
    std::vector<double> leads;
    for (auto const time : series.times) {
      times.push_back(clock.number(time));
      leads.push_back(times.back() - times.front());
    }
    all.times.push_back(std::move(times));
    all.leads.push_back(std::move(leads));
  }
  require(!all.times.empty(), "'", data.name, "' has no trajectory to write");
  return all;
}

TimeLayout time_layout(DatasetSpec const& data, CfTimes const& times) {
  if (times.times.size() == 1) {
    return TimeLayout::one;
  }
  if (are_alike(times.times)) {
    return TimeLayout::realizations;
  }
  require(are_alike(times.leads),
          "the trajectories of '",
          data.name,
          "' differ in their number of frames or their steps of time, so that one file cannot hold "
          "them; choose trajectories that agree");
  return TimeLayout::initial_times;
}

}  // namespace eddyline
