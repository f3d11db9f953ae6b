#pragma once

#include <cstdint>
#include <string>

namespace eddyline {

/// The calendars of the CF conventions (1.11, section 4.4.1).
enum class Calendar {
  standard,  ///< Julian up to 1582-10-04, Gregorian from 1582-10-15; also called gregorian
  proleptic_gregorian,
  julian,
  no_leap,     ///< 365 days in every year
  all_leap,    ///< 366 days in every year
  thirty_days  ///< 12 months of 30 days
};

/// CF's name: "standard", "proleptic_gregorian", "julian", "noleap", "all_leap", "360_day".
std::string to_string(Calendar calendar);
/// Understands CF's names and synonyms in any case; "" is standard.
/// \throw Error  naming what is known
Calendar parse_calendar(std::string const& text);

/// A date and time of day. Years are counted astronomically: there is a year 0.
struct CfDate {
  int64_t year = 1;
  int month = 1;             ///< 1 … 12
  int day = 1;               ///< 1 … 31
  int64_t microseconds = 0;  ///< since midnight, < 86 400 000 000
  int day_of_year = 1;       ///< 1 … 366

  /// Hours since midnight, [0, 24).
  double hour_of_day() const { return static_cast<double>(microseconds) / 3.6e9; }
  /// "2019-03-01 06:00:00"; a fraction of a second only where there is one.
  std::string describe() const;
  bool operator==(CfDate const&) const = default;
};

enum class TimeUnit { microsecond, millisecond, second, minute, hour, day, month, year };
/// "us", "ms", "s", "min", "h", "d", "month", "year".
std::string to_string(TimeUnit unit);

/// What "hours since 1900-01-01 06:00" in a calendar means.
struct CfTime {
  TimeUnit unit = TimeUnit::second;
  Calendar calendar = Calendar::standard;
  CfDate origin;  ///< in UTC: a time zone in the text is taken off
};

/// True if `units` has the form "<unit> since <date>".
bool is_cf_time_units(std::string const& units);
/// \param units     attribute `units` of a time variable
/// \param calendar  its attribute `calendar`, "" where it has none
/// \throw Error     quoting the text and what is expected
CfTime parse_cf_time(std::string const& units, std::string const& calendar);

/// The date at `value` units since the origin.
/// Months and years are lengths in the 360_day calendar, and years in noleap and all_leap too. In
/// the others a whole number of months counts calendar months from the origin, and the rest is a
/// share of the month that follows (not UDUNITS' mean month, which no writer of "months since"
/// means). \throw Error  if `value` is not finite or beyond 10^7 years
CfDate cf_calendar_date(CfTime const& time, double value);

/// Days from `a` to `b` in `calendar`, with fractions.
double days_between(Calendar calendar, CfDate const& a, CfDate const& b);

}  // namespace eddyline
