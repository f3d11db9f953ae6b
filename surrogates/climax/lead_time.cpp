#include "surrogates/climax/lead_time.hpp"

#include <map>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr double kDay = 24;
constexpr double kYear = 365.2425 * kDay;

}  // namespace

double hours_in(std::string const& unit) {
  static std::map<std::string, double> const known = {{"us", 1 / 3.6e9},
                                                      {"ms", 1 / 3.6e6},
                                                      {"s", 1 / 3600.0},
                                                      {"second", 1 / 3600.0},
                                                      {"seconds", 1 / 3600.0},
                                                      {"min", 1 / 60.0},
                                                      {"minute", 1 / 60.0},
                                                      {"minutes", 1 / 60.0},
                                                      {"h", 1},
                                                      {"hour", 1},
                                                      {"hours", 1},
                                                      {"d", kDay},
                                                      {"day", kDay},
                                                      {"days", kDay},
                                                      {"month", kYear / 12},
                                                      {"year", kYear}};
  auto const found = known.find(unit);
  return found == known.end() ? 0.0 : found->second;
}

at::Tensor scaled_lead_time(Batch const& batch, std::string const& unit, double hours) {
  require(batch.lead_time.defined(),
          "the batch has no lead times, by which ClimaX is told how far to forecast");
  bool const is_named = batch.spec && !batch.spec->time_unit.empty();
  auto const& name = is_named ? batch.spec->time_unit : unit;
  auto const unit_hours = hours_in(name);
  require(unit_hours > 0,
          "lead times are in '",
          name,
          "', which is no unit of time that ClimaX can turn into hours; give the data one of s, "
          "min, h and d");
  return batch.lead_time.to(batch.input.options()) * (unit_hours / hours);
}

}  // namespace eddyline
