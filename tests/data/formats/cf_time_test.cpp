#include "data/formats/cf_time.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

struct Case {
  char const* units;
  char const* calendar;
  double value;
  char const* date;
  int day_of_year;
};

// Computed with cftime 1.6.6 (num2date, has_year_zero=True), but for the day of the year of
// 1582-10-15, which cftime numbers as if the ten days before it had been.
Case const kCases[] = {
    {"hours since 1900-01-01", "proleptic_gregorian", 1044552.0, "2019-03-01 00:00:00", 60},
    {"hours since 1970-01-01 00:00:00", "360_day", -946800.0, "1860-06-01 00:00:00", 151},
    {"hours since 1970-01-01 00:00:00", "gregorian", 318096.0, "2006-04-16 00:00:00", 106},
    {"days since 1582-10-01", "standard", 3.5, "1582-10-04 12:00:00", 277},
    {"days since 1582-10-01", "standard", 4.0, "1582-10-15 00:00:00", 278},
    {"days since 1-1-1 00:00:00", "standard", 577735.75, "1582-10-03 18:00:00", 276},
    {"days since 1850-01-01", "noleap", 60000.25, "2014-05-21 06:00:00", 141},
    {"days since 0001-01-01", "365_day", -400.0, "-001-11-27 00:00:00", 331},
    {"days since 2000-02-28", "noleap", 1.0, "2000-03-01 00:00:00", 60},
    {"days since 2001-02-28", "all_leap", 1.0, "2001-02-29 00:00:00", 60},
    {"days since 1900-01-01", "366_day", -1.5, "1899-12-30 12:00:00", 365},
    {"days since 2000-01-01", "julian", 10000.0, "2027-05-19 00:00:00", 139},
    {"days since 1900-02-28", "julian", 1.0, "1900-02-29 00:00:00", 60},
    {"days since 1900-02-28", "standard", 1.0, "1900-03-01 00:00:00", 60},
    {"seconds since 1970-01-01 00:00:00",
     "proleptic_gregorian",
     951782400.5,
     "2000-02-29 00:00:00.500000",
     60},
    {"seconds since 0001-01-01 00:00:00", "360_day", 62209728000.0, "2001-01-21 00:00:00", 21},
    {"minutes since 1999-12-31T23:59:30Z", "standard", 1.0, "2000-01-01 00:00:30", 1},
    {"hours since 2000-01-01 00:00:00 +05:30", "standard", 6.0, "2000-01-01 00:30:00", 1},
    {"milliseconds since 2020-01-01", "standard", 86400001.0, "2020-01-02 00:00:00.001000", 2},
    {"months since 1980-01-01", "360_day", 13.5, "1981-02-16 00:00:00", 46},
    {"days since 0000-01-01", "noleap", 730000.125, "2000-01-01 03:00:00", 1},
    {"days since 1970-01-01", "proleptic_gregorian", -719528.0, "0000-01-01 00:00:00", 1},
    {"days since 1600-02-28", "proleptic_gregorian", 1.0, "1600-02-29 00:00:00", 60},
    {"days since 1700-02-28", "proleptic_gregorian", 1.0, "1700-03-01 00:00:00", 60},
};

TEST(CfCalendarDate, AgreesWithCftimeInEveryCalendar) {
  for (auto const& c : kCases) {
    auto const date = cf_calendar_date(parse_cf_time(c.units, c.calendar), c.value);
    EXPECT_EQ(date.describe(), c.date) << c.value << " " << c.units << " " << c.calendar;
    EXPECT_EQ(date.day_of_year, c.day_of_year) << c.value << " " << c.units << " " << c.calendar;
  }
}

TEST(CfCalendarDate, CountsCalendarMonthsWhereMonthsHaveNoLength) {
  auto const time = parse_cf_time("months since 1850-01-16", "standard");
  EXPECT_EQ(cf_calendar_date(time, 14).describe(), "1851-03-16 00:00:00");
  EXPECT_EQ(cf_calendar_date(time, -1).describe(), "1849-12-16 00:00:00");
  EXPECT_EQ(cf_calendar_date(time, 1.5).describe(),
            "1850-03-02 00:00:00");  // half of February's 28 days
  EXPECT_EQ(cf_calendar_date(parse_cf_time("years since 2000-06-01", "standard"), 2).describe(),
            "2002-06-01 00:00:00");
}

TEST(CfCalendarDate, TakesTheZoneWithoutLeadingZero) {
  EXPECT_EQ(
      cf_calendar_date(parse_cf_time("hours since 2000-01-01 00:00:00 -6:00", ""), 0).describe(),
      "2000-01-01 06:00:00");
}

TEST(CfCalendarDate, GivesTheHourOfTheDay) {
  auto const date = cf_calendar_date(parse_cf_time("hours since 1900-01-01", ""), 1044552 + 30.25);
  EXPECT_DOUBLE_EQ(date.hour_of_day(), 6.25);
  EXPECT_EQ(date.day, 2);
}

TEST(CfCalendarDate, IsInverseToDaysBetweenForEveryDayOfCenturies) {
  for (auto const* name :
       {"standard", "proleptic_gregorian", "julian", "noleap", "all_leap", "360_day"}) {
    auto const time = parse_cf_time("days since 1500-01-01", name);
    for (int day = -3000; day < 200000; day += 7) {
      ASSERT_DOUBLE_EQ(days_between(time.calendar, time.origin, cf_calendar_date(time, day)), day)
          << name;
    }
  }
}

TEST(CfCalendarDate, RefusesTimesThatAreNoDate) {
  auto const time = parse_cf_time("days since 2000-01-01", "");
  EXPECT_THROW(cf_calendar_date(time, std::numeric_limits<double>::quiet_NaN()), Error);
  EXPECT_THROW(cf_calendar_date(time, 1e300), Error);
}

std::string refusal(std::string const& units, std::string const& calendar) {
  try {
    parse_cf_time(units, calendar);
  } catch (Error const& error) {
    return error.what();
  }
  return "";
}

TEST(ParseCfTime, SaysWhatIsWrong) {
  EXPECT_NE(refusal("fortnights since 2000-01-01", "").find("unknown unit of time 'fortnights'"),
            std::string::npos);
  EXPECT_NE(
      refusal("days since yesterday", "").find("expected like 'hours since 1900-01-01 00:00:00'"),
      std::string::npos);
  EXPECT_NE(refusal("days since 2001-02-29", "noleap").find("no such day in the noleap calendar"),
            std::string::npos);
  EXPECT_NE(refusal("days since 2000-01-01", "gregorain").find("did you mean 'gregorian'"),
            std::string::npos);
  EXPECT_NE(refusal("days since 2000-01-01 25:00", "").find("no such time of day"),
            std::string::npos);
  EXPECT_NE(refusal("days since 2000-01-01 12:00 nonsense", "").find("cannot read the date"),
            std::string::npos);
}

TEST(ParseCfTime, AcceptsTheThirtiethOfFebruaryOnlyWhereItExists) {
  EXPECT_EQ(parse_cf_time("days since 2001-02-30", "360_day").origin.day, 30);
  EXPECT_THROW(parse_cf_time("days since 2001-02-30", "standard"), Error);
}

}  // namespace
}  // namespace eddyline
