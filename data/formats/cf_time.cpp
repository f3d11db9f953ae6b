#include "data/formats/cf_time.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <regex>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "core/text.hpp"

namespace eddyline {
namespace {

constexpr int64_t kDay = 86'400'000'000;  // microseconds
constexpr double kLargestDays = 3.7e9;    // 10^7 years
constexpr std::array<int, 12> kMonths = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

int64_t floor_divide(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

bool is_leap(Calendar calendar, int64_t year) {
  bool const fourth = year % 4 == 0;
  bool const gregorian = fourth && (year % 100 != 0 || year % 400 == 0);
  switch (calendar) {
    case Calendar::standard:
      return year > 1582 ? gregorian : fourth;
    case Calendar::proleptic_gregorian:
      return gregorian;
    case Calendar::julian:
      return fourth;
    case Calendar::all_leap:
      return true;
    case Calendar::no_leap:
    case Calendar::thirty_days:
      return false;
  }
  return false;
}

int days_in_month(Calendar calendar, int64_t year, int month) {
  if (calendar == Calendar::thirty_days) {
    return 30;
  }
  return kMonths[static_cast<size_t>(month - 1)] + (month == 2 && is_leap(calendar, year) ? 1 : 0);
}

/// Leap days in the years 0 … year - 1 of a calendar with one rule.
int64_t leap_days(Calendar calendar, int64_t year) {
  auto const fourth = floor_divide(year + 3, 4);
  switch (calendar) {
    case Calendar::proleptic_gregorian:
      return fourth - floor_divide(year + 99, 100) + floor_divide(year + 399, 400);
    case Calendar::standard:
    case Calendar::julian:
      return fourth;
    case Calendar::all_leap:
      return year;
    case Calendar::no_leap:
    case Calendar::thirty_days:
      return 0;
  }
  return 0;
}

/// Days since 0000-01-01 of a calendar with one rule (not standard).
int64_t day_number_of(Calendar calendar, int64_t year, int month, int day) {
  if (calendar == Calendar::thirty_days) {
    return year * 360 + (month - 1) * 30 + day - 1;
  }
  int64_t days = year * 365 + leap_days(calendar, year) + day - 1;
  for (int m = 1; m < month; ++m) {
    days += days_in_month(calendar, year, m);
  }
  return days;
}

// Both calendars number 1582-10-15 (Gregorian) = 1582-10-05 (Julian) in their own way; `standard`
// counts as the Gregorian one does and shifts the Julian part onto it.
int64_t const kReform = day_number_of(Calendar::proleptic_gregorian, 1582, 10, 15);
int64_t const kJulianShift = kReform - day_number_of(Calendar::julian, 1582, 10, 5);

bool is_before_reform(int64_t year, int month, int day) {
  return std::array<int64_t, 3>{year, month, day} < std::array<int64_t, 3>{1582, 10, 15};
}

int64_t day_number(Calendar calendar, int64_t year, int month, int day) {
  if (calendar != Calendar::standard) {
    return day_number_of(calendar, year, month, day);
  }
  return is_before_reform(year, month, day)
             ? day_number_of(Calendar::julian, year, month, day) + kJulianShift
             : day_number_of(Calendar::proleptic_gregorian, year, month, day);
}

CfDate date_of_number(Calendar calendar, int64_t number) {
  if (calendar == Calendar::standard) {
    bool const old = number < kReform;
    auto date = date_of_number(old ? Calendar::julian : Calendar::proleptic_gregorian,
                               old ? number - kJulianShift : number);
    date.day_of_year = static_cast<int>(number - day_number(calendar, date.year, 1, 1)) + 1;
    return date;
  }
  int64_t const longest = calendar == Calendar::thirty_days ? 360 : 366;
  CfDate date;
  // At most a few thousandths of the years too early: a guess from the mean year, then exact steps.
  double const mean = calendar == Calendar::thirty_days ? 360.0
                      : calendar == Calendar::no_leap   ? 365.0
                      : calendar == Calendar::all_leap  ? 366.0
                      : calendar == Calendar::julian    ? 365.25
                                                        : 365.2425;
  date.year = static_cast<int64_t>(std::floor(static_cast<double>(number) / mean)) - 1;
  while (day_number_of(calendar, date.year + 1, 1, 1) <= number) {
    ++date.year;
  }
  auto rest = number - day_number_of(calendar, date.year, 1, 1);
  EDDYLINE_ENSURE(rest >= 0 && rest < longest, "day ", number);
  date.day_of_year = static_cast<int>(rest) + 1;
  while (rest >= days_in_month(calendar, date.year, date.month)) {
    rest -= days_in_month(calendar, date.year, date.month++);
  }
  date.day = static_cast<int>(rest) + 1;
  return date;
}

/// The date `days` + `microseconds` after midnight of `origin`'s day.
CfDate shifted(Calendar calendar, CfDate const& origin, int64_t days, int64_t microseconds) {
  microseconds += origin.microseconds;
  days += floor_divide(microseconds, kDay);
  auto const number = day_number(calendar, origin.year, origin.month, origin.day) + days;
  auto date = date_of_number(calendar, number);
  date.microseconds = microseconds - floor_divide(microseconds, kDay) * kDay;
  return date;
}

/// Length of a unit in days where the calendar gives it one, else 0.
double days_of(TimeUnit unit, Calendar calendar) {
  switch (unit) {
    case TimeUnit::microsecond:
      return 1 / 86.4e9;
    case TimeUnit::millisecond:
      return 1 / 86.4e6;
    case TimeUnit::second:
      return 1 / 86400.0;
    case TimeUnit::minute:
      return 1 / 1440.0;
    case TimeUnit::hour:
      return 1 / 24.0;
    case TimeUnit::day:
      return 1;
    case TimeUnit::month:
      return calendar == Calendar::thirty_days ? 30 : 0;
    case TimeUnit::year:
      return calendar == Calendar::thirty_days ? 360
             : calendar == Calendar::no_leap   ? 365
             : calendar == Calendar::all_leap  ? 366
                                               : 0;
  }
  return 0;
}

CfDate after_months(CfTime const& time, double months) {
  auto const whole = static_cast<int64_t>(std::floor(months));
  auto const since = time.origin.year * 12 + (time.origin.month - 1) + whole;
  auto start = time.origin;
  start.year = floor_divide(since, 12);
  start.month = static_cast<int>(since - start.year * 12) + 1;
  auto const length = days_in_month(time.calendar, start.year, start.month);
  start.day = std::min(start.day, length);  // the 31st of a short month is its last day
  auto const share = (months - static_cast<double>(whole)) * length * static_cast<double>(kDay);
  return shifted(time.calendar, start, 0, std::llround(share));
}

TimeUnit parse_unit(std::string const& text) {
  static std::vector<std::pair<TimeUnit, std::vector<std::string>>> const known = {
      {TimeUnit::microsecond, {"microsecond", "microseconds", "microsec", "microsecs", "us"}},
      {TimeUnit::millisecond,
       {"millisecond", "milliseconds", "millisec", "millisecs", "msec", "ms"}},
      {TimeUnit::second, {"second", "seconds", "sec", "secs", "s"}},
      {TimeUnit::minute, {"minute", "minutes", "min", "mins"}},
      {TimeUnit::hour, {"hour", "hours", "hr", "hrs", "h"}},
      {TimeUnit::day, {"day", "days", "d"}},
      {TimeUnit::month, {"month", "months", "mon"}},
      {TimeUnit::year, {"year", "years", "yr", "common_year", "common_years"}}};
  for (auto const& [unit, names] : known) {
    if (std::find(names.begin(), names.end(), text) != names.end()) {
      return unit;
    }
  }
  throw Error(concat("unknown unit of time '",
                     text,
                     "'",
                     did_you_mean(text,
                                  {"microseconds",
                                   "milliseconds",
                                   "seconds",
                                   "minutes",
                                   "hours",
                                   "days",
                                   "months",
                                   "years"})));
}

int64_t number_or(std::smatch const& match, size_t index, int64_t otherwise) {
  return match[index].matched ? std::stoll(match[index].str()) : otherwise;
}

/// Microseconds after midnight UTC: negative or beyond a day where the time zone says so.
int64_t parse_time_of_day(std::smatch const& match) {
  auto const hour = number_or(match, 4, 0);
  auto const minute = number_or(match, 5, 0);
  double const second = match[6].matched ? std::stod(match[6].str()) : 0;
  require(hour <= 24 && minute < 60 && second < 61,
          "no such time of day: ",
          hour,
          ":",
          minute,
          ":",
          second);
  int64_t const zone = number_or(match, 8, 0) * 60 + number_or(match, 9, 0);
  int64_t const sign = match[7].matched && match[7].str() == "-" ? -1 : 1;
  return (hour * 60 + minute - sign * zone) * 60'000'000 + std::llround(second * 1e6);
}

}  // namespace

std::string to_string(Calendar calendar) {
  switch (calendar) {
    case Calendar::standard:
      return "standard";
    case Calendar::proleptic_gregorian:
      return "proleptic_gregorian";
    case Calendar::julian:
      return "julian";
    case Calendar::no_leap:
      return "noleap";
    case Calendar::all_leap:
      return "all_leap";
    case Calendar::thirty_days:
      return "360_day";
  }
  return "";
}

Calendar parse_calendar(std::string const& text) {
  static std::vector<std::pair<std::string, Calendar>> const known = {
      {"standard", Calendar::standard},
      {"gregorian", Calendar::standard},
      {"proleptic_gregorian", Calendar::proleptic_gregorian},
      {"julian", Calendar::julian},
      {"noleap", Calendar::no_leap},
      {"365_day", Calendar::no_leap},
      {"all_leap", Calendar::all_leap},
      {"366_day", Calendar::all_leap},
      {"360_day", Calendar::thirty_days}};
  if (text.empty()) {
    return Calendar::standard;
  }
  std::vector<std::string> names;
  for (auto const& [name, calendar] : known) {
    if (lower_case(text) == name) {
      return calendar;
    }
    names.push_back(name);
  }
  throw Error(concat("unknown calendar '", text, "'", did_you_mean(lower_case(text), names)));
}

std::string CfDate::describe() const {
  auto const seconds = microseconds / 1'000'000;
  auto const fraction = static_cast<int>(microseconds % 1'000'000);
  std::array<char, 64> text{};
  std::snprintf(text.data(),
                text.size(),
                "%04lld-%02d-%02d %02d:%02d:%02d",
                static_cast<long long>(year),
                month,
                day,
                static_cast<int>(seconds / 3600),
                static_cast<int>(seconds / 60 % 60),
                static_cast<int>(seconds % 60));
  std::string result = text.data();
  if (fraction != 0) {
    std::snprintf(text.data(), text.size(), ".%06d", fraction);
    result += text.data();
  }
  return result;
}

std::string to_string(TimeUnit unit) {
  static std::array<std::string, 8> const names = {
      "us", "ms", "s", "min", "h", "d", "month", "year"};
  return names[static_cast<size_t>(unit)];
}

bool is_cf_time_units(std::string const& units) {
  return lower_case(units).find(" since ") != std::string::npos;
}

CfTime parse_cf_time(std::string const& units, std::string const& calendar) {
  static std::regex const form(R"(^\s*([a-z_]+)\s+since\s+)"
                               R"((-?\d{1,6})-(\d{1,2})-(\d{1,2}))");
  static std::regex const whole(R"(^(-?\d{1,6})-(\d{1,2})-(\d{1,2}))"
                                R"((?:(?:t|\s+)(\d{1,2})(?::(\d{1,2})(?::(\d{1,2}(?:\.\d*)?))?)?)?)"
                                R"(\s*(?:z|utc|gmt|([+-])(\d{1,2}):?(\d{2})?)?\s*$)");
  require(units.size() < 200, "units of time of ", units.size(), " characters");
  auto const text = lower_case(units);
  auto const where =
      concat(" in units of time '", units, "', expected like 'hours since 1900-01-01 00:00:00'");
  std::smatch match;
  require(std::regex_search(text, match, form), "no date", where);
  CfTime time;
  time.calendar = parse_calendar(calendar);
  time.unit = with_context(
      [&] { return parse_unit(match[1].str()); }, "reading units of time '", units, "'");
  auto const date_text = text.substr(static_cast<size_t>(match.position(2)));
  require(
      std::regex_match(date_text, match, whole), "cannot read the date '", date_text, "'", where);
  auto const year = std::stoll(match[1].str());
  auto const month = std::stoi(match[2].str());
  auto const day = std::stoi(match[3].str());
  require(month >= 1 && month <= 12 && day >= 1 && day <= days_in_month(time.calendar, year, month),
          "no such day in the ",
          to_string(time.calendar),
          " calendar",
          where);
  CfDate midnight;
  midnight.year = year;
  midnight.month = month;
  midnight.day = day;
  time.origin = shifted(time.calendar, midnight, 0, parse_time_of_day(match));
  return time;
}

CfDate cf_calendar_date(CfTime const& time, double value) {
  auto const length = days_of(time.unit, time.calendar);
  double const months = time.unit == TimeUnit::year ? value * 12 : value;
  double const days = length > 0 ? value * length : months * 31;
  require(std::isfinite(value) && std::abs(days) < kLargestDays,
          "time ",
          value,
          " ",
          to_string(time.unit),
          " is not a date that a calendar can give");
  if (length == 0) {
    return after_months(time, months);
  }
  // Units below a day divide it; whole days are taken off first, so that the rest keeps its digits.
  auto const per_day = std::round(1 / length);
  auto const whole = length < 1 ? std::floor(value / per_day) : std::floor(days);
  auto const rest = length < 1 ? (value - whole * per_day) / per_day : days - whole;
  return shifted(time.calendar,
                 time.origin,
                 static_cast<int64_t>(whole),
                 std::llround(rest * static_cast<double>(kDay)));
}

double days_between(Calendar calendar, CfDate const& a, CfDate const& b) {
  auto const days =
      day_number(calendar, b.year, b.month, b.day) - day_number(calendar, a.year, a.month, a.day);
  return static_cast<double>(days) +
         static_cast<double>(b.microseconds - a.microseconds) / static_cast<double>(kDay);
}

}  // namespace eddyline
