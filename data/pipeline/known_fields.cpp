#include "data/pipeline/known_fields.hpp"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "data/sharding/part_of.hpp"

namespace eddyline {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;
constexpr double kHours = 24;

/// What the data's times mean. Without an origin time 0 is 0 h on 1 January of a year without leap
/// day.
CfTime clock_of(DatasetSpec const& data) {
  std::vector<std::string> const units = {"s", "min", "h", "d"};
  require(std::find(units.begin(), units.end(), data.time_unit) != units.end(),
          "data.time_features needs to know the unit of time, but the data say '",
          data.time_unit,
          "'; it should be one of ",
          units,
          " (in data.map for plain arrays)");
  auto const origin =
      data.time_origin.empty() ? std::string("2001-01-01 00:00:00") : data.time_origin;
  auto const calendar = data.time_origin.empty() ? std::string("noleap") : data.calendar;
  return with_context([&] { return parse_cf_time(data.time_unit + " since " + origin, calendar); },
                      "reading the time origin of '",
                      data.name,
                      "'");
}

/// Mean length of a year, so that the phase creeps by less than a day.
double days_in_year(Calendar calendar) {
  switch (calendar) {
    case Calendar::thirty_days:
      return 360;
    case Calendar::no_leap:
      return 365;
    case Calendar::all_leap:
      return 366;
    case Calendar::julian:
      return 365.25;
    case Calendar::standard:
    case Calendar::proleptic_gregorian:
      return 365.2425;
  }
  return 365.2425;
}

/// Coordinates of `axis` (0 … 2) scaled to [-1, 1]: as long as it on that axis, 1 on the others.
at::Tensor coordinate_line(Grid const& grid, int axis) {
  auto const n = grid.axis(axis).size();
  std::array<int64_t, 3> shape = {1, 1, 1};
  shape[static_cast<size_t>(axis)] = n;
  auto x = at::tensor(grid.axis(axis).coordinates, at::kDouble);
  auto const low = x.min();
  auto const range = x.max() - low;
  x = n > 1 ? (x - low) / range * 2 - 1 : at::zeros({1}, at::kDouble);
  return x.to(at::kFloat).view(shape);
}

}  // namespace

KnownFields::KnownFields(DataConfig const& config, DatasetSpec const& data, Grid const& fitted)
    : constant_inputs_(config.constant_inputs), grid_(fitted) {
  std::vector<std::string> const names = {"hour_of_day", "day_of_year"};
  std::vector<Field> fields;
  for (auto const& feature : config.time_features) {
    require(feature == names[0] || feature == names[1],
            "unknown entry '",
            feature,
            "' of data.time_features",
            did_you_mean(feature, names));
    clock_ = clock_of(data);
    cycles_.push_back(feature == names[0] ? Cycle::day : Cycle::year);
    fields.push_back({.name = feature + "_sin"});
    fields.push_back({.name = feature + "_cos"});
  }
  for (int i = 3 - fitted.dimensions(); config.coordinates && i < 3; ++i) {
    coordinates_.push_back(coordinate_line(fitted, i));
    fields.push_back({.name = "coordinate_" + fitted.axis(i).name});
  }
  auto const constants = with_context([&] { return data.constants.select(constant_inputs_); },
                                      "reading data.constant_inputs");
  fields.insert(fields.end(), constants.fields().begin(), constants.fields().end());
  fields_ = FieldSet(std::move(fields));
}

double KnownFields::phase(Cycle cycle, double time) const {
  auto const date = cf_calendar_date(clock_, time);
  if (cycle == Cycle::day) {
    return kTurn * date.hour_of_day() / kHours;
  }
  return kTurn * (date.day_of_year - 1 + date.hour_of_day() / kHours) /
         days_in_year(clock_.calendar);
}

at::Tensor KnownFields::at(std::vector<double> const& times,
                           at::Tensor const& constants,
                           Box const& box) const {
  auto const n = static_cast<int64_t>(times.size());
  auto const& size = box.size;
  auto known = at::empty({n, fields_.channels(), size[0], size[1], size[2]}, at::kFloat);
  for (int64_t t = 0; t < n; ++t) {
    int64_t channel = 0;
    for (auto const& cycle : cycles_) {
      auto const angle = phase(cycle, times[static_cast<size_t>(t)]);
      known.select(0, t).select(0, channel++).fill_(std::sin(angle));
      known.select(0, t).select(0, channel++).fill_(std::cos(angle));
    }
    for (auto const& line : coordinates_) {
      known.select(0, t).select(0, channel++).copy_(part_of(line, box));
    }
    if (!constant_inputs_.empty()) {
      known.select(0, t).narrow(0, channel, constants.size(0)).copy_(constants);
    }
  }
  return known;
}

}  // namespace eddyline
