#include "data/pipeline/known_fields.hpp"

#include <cmath>
#include <cstdio>
#include <numbers>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace eddyline {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

double days_in(std::string const& unit) {
  std::vector<std::pair<std::string, double>> const known = {
      {"s", 1.0 / 86400}, {"min", 1.0 / 1440}, {"h", 1.0 / 24}, {"d", 1.0}};
  std::vector<std::string> names;
  for (auto const& [name, days] : known) {
    if (name == unit) {
      return days;
    }
    names.push_back(name);
  }
  throw Error(concat("data.time_features needs to know the unit of time, but the data say '",
                     unit,
                     "'; give one of ",
                     names,
                     " (data.map for plain arrays)"));
}

double days_in_year(std::string const& calendar) {
  if (calendar == "360_day") {
    return 360;
  }
  if (calendar == "noleap" || calendar == "365_day") {
    return 365;
  }
  return calendar == "all_leap" || calendar == "366_day" ? 366
         : calendar == "julian"                          ? 365.25
                                                         : 365.2425;
}

/// Days from 1 January, 0 h, of its year to the date "1900-03-01 06:00:00".
double days_into_year(std::string const& origin, std::string const& calendar) {
  if (origin.empty()) {
    return 0;
  }
  int year = 0, month = 1, day = 1, hour = 0, minute = 0;
  double second = 0;
  auto const read = std::sscanf(
      origin.c_str(), "%d-%d-%d%*[ T]%d:%d:%lf", &year, &month, &day, &hour, &minute, &second);
  require(read >= 3 && month >= 1 && month <= 12 && day >= 1 && day <= 31,
          "the data's time origin '",
          origin,
          "' is no date; it should look like 1900-01-01 00:00:00");
  static constexpr std::array kDaysBefore = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  bool const thirty = calendar == "360_day";
  auto const before = thirty ? 30 * (month - 1) : kDaysBefore[static_cast<size_t>(month - 1)];
  return before + day - 1 + (hour + minute / 60.0 + second / 3600) / 24;
}

/// Coordinates of `axis` (0 … 2) scaled to [-1, 1], as a map (D, H, W).
at::Tensor coordinate_map(Grid const& grid, int axis) {
  auto const n = grid.axis(axis).size();
  std::array<int64_t, 3> shape = {1, 1, 1};
  shape[static_cast<size_t>(axis)] = n;
  auto x = at::tensor(grid.axis(axis).coordinates, at::kDouble);
  auto const low = x.min();
  auto const range = x.max() - low;
  x = n > 1 ? (x - low) / range * 2 - 1 : at::zeros({1}, at::kDouble);
  return x.to(at::kFloat)
      .view({shape[0], shape[1], shape[2]})
      .expand({grid.shape()[0], grid.shape()[1], grid.shape()[2]});
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
    auto const days = days_in(data.time_unit);
    auto const period = feature == names[0] ? 1.0 : days_in_year(data.calendar);
    cycles_.push_back(
        {kTurn * days / period, kTurn * days_into_year(data.time_origin, data.calendar) / period});
    fields.push_back({.name = feature + "_sin"});
    fields.push_back({.name = feature + "_cos"});
  }
  std::vector<at::Tensor> maps;
  for (int i = 3 - fitted.dimensions(); config.coordinates && i < 3; ++i) {
    maps.push_back(coordinate_map(fitted, i));
    fields.push_back({.name = "coordinate_" + fitted.axis(i).name});
  }
  if (!maps.empty()) {
    coordinates_ = at::stack(maps);
  }
  auto const constants = with_context([&] { return data.constants.select(constant_inputs_); },
                                      "reading data.constant_inputs");
  fields.insert(fields.end(), constants.fields().begin(), constants.fields().end());
  fields_ = FieldSet(std::move(fields));
}

at::Tensor KnownFields::at(std::vector<double> const& times, at::Tensor const& constants) const {
  auto const n = static_cast<int64_t>(times.size());
  auto const shape = grid_.shape();
  auto known = at::empty({n, fields_.channels(), shape[0], shape[1], shape[2]}, at::kFloat);
  for (int64_t t = 0; t < n; ++t) {
    int64_t channel = 0;
    for (auto const& cycle : cycles_) {
      auto const angle = cycle.per_unit * times[static_cast<size_t>(t)] + cycle.phase;
      known.select(0, t).select(0, channel++).fill_(std::sin(angle));
      known.select(0, t).select(0, channel++).fill_(std::cos(angle));
    }
    if (coordinates_.defined()) {
      known.select(0, t).narrow(0, channel, coordinates_.size(0)).copy_(coordinates_);
      channel += coordinates_.size(0);
    }
    if (!constant_inputs_.empty()) {
      known.select(0, t).narrow(0, channel, constants.size(0)).copy_(constants);
    }
  }
  return known;
}

}  // namespace eddyline
