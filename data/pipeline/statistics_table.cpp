#include "data/pipeline/statistics_table.hpp"

#include <fmt/format.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

/// Numbers of each field's components.
void put(WellStatistics::Moments& moments,
         FieldSet const& fields,
         std::vector<double> const& channels) {
  for (size_t i = 0; i < fields.fields().size(); ++i) {
    auto const first = channels.begin() + fields.first_channel(i);
    moments[fields.fields()[i].name] = {first, first + fields.fields()[i].count()};
  }
}

}  // namespace

std::string statistics_table(Statistics const& statistics, FieldSet const& fields) {
  auto const units = fields.channel_units();
  std::string table = fmt::format("{:<24}{:<12}{:>13}{:>13}{:>13}{:>13}{:>13}\n",
                                  "channel",
                                  "unit",
                                  "mean",
                                  "std",
                                  "rms",
                                  "mean change",
                                  "std change");
  for (size_t c = 0; c < statistics.channels.size(); ++c) {
    table += fmt::format("{:<24}{:<12}{:>13.5g}{:>13.5g}{:>13.5g}{:>13.5g}{:>13.5g}\n",
                         statistics.channels[c],
                         c < units.size() ? units[c] : "",
                         statistics.mean[c],
                         statistics.std[c],
                         statistics.rms[c],
                         statistics.mean_delta[c],
                         statistics.std_delta[c]);
  }
  for (size_t c = 0; c < statistics.constant_channels.size(); ++c) {
    table += fmt::format("{:<24}{:<12}{:>13.5g}{:>13.5g}{:>13.5g}\n",
                         statistics.constant_channels[c],
                         "(constant)",
                         statistics.constant_mean[c],
                         statistics.constant_std[c],
                         statistics.constant_rms[c]);
  }
  return table;
}

WellStatistics to_well_statistics(Statistics const& statistics,
                                  FieldSet const& fields,
                                  FieldSet const& constants) {
  auto const own = statistics.select(fields.channel_names());
  require(statistics.constant_channels == constants.channel_names(),
          "the statistics of '",
          statistics.dataset,
          "' are of the constant channels ",
          statistics.constant_channels,
          ", not of ",
          constants.channel_names());
  WellStatistics well;
  put(well.mean, fields, own.mean);
  put(well.std, fields, own.std);
  put(well.rms, fields, own.rms);
  put(well.mean_delta, fields, own.mean_delta);
  put(well.std_delta, fields, own.std_delta);
  put(well.rms_delta, fields, own.rms_delta);
  put(well.mean, constants, statistics.constant_mean);
  put(well.std, constants, statistics.constant_std);
  put(well.rms, constants, statistics.constant_rms);
  return well;
}

}  // namespace eddyline
