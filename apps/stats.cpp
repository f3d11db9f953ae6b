#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/command_line.hpp"
#include "apps/verbs.hpp"
#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/pipeline/statistics_table.hpp"
#include "workflows/mesh_config.hpp"

namespace eddyline {
namespace {

struct StatsConfig {
  DataConfig data;
  Split part = Split::train;
  int64_t delta = 0;
  CellWeights weights = CellWeights::equal;
  std::string json;
  std::string yaml;
  MeshConfig parallel;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("data", data, "what is read");
    v("part", part, "train, valid, test or all; all where the data are not divided");
    v("delta",
      delta,
      "frames between the two of which changes are counted; 0: data.lead, or data.stride");
    v("weights", weights, "equal: each cell counts once; volume: by its volume (area on a sphere)");
    v("json", json, "file to write them to as the checkpoint of a model holds them; empty: none");
    v("yaml", yaml, "file to write them to as The Well's stats.yaml; empty: none");
    v("parallel", parallel, "how the ranks share the frames");
  }
};

VerbUsage stats_usage() {
  return {.name = "stats",
          .description =
              "Computes mean, standard deviation and root mean square of every channel and of its "
              "changes from frame to frame, in "
              "one pass that the ranks share. Missing values are left out. 'eddyline train' "
              "computes them itself; this verb "
              "is for looking at data and for writing The Well's stats.yaml.",
          .operands = {"PATH"},
          .example = "eddyline stats data/active_matter yaml=data/active_matter/stats.yaml"};
}

/// "missing values left out: sst 31.2 %", or nothing.
std::string missing_line(Statistics const& statistics, Dataset const& data) {
  double frames = 0;
  for (int64_t i = 0; i < data.trajectories(); ++i) {
    frames += static_cast<double>(data.frames(i));
  }
  auto const values = frames * static_cast<double>(data.fit().source().cells());
  std::string line;
  for (size_t c = 0; c < statistics.channels.size(); ++c) {
    auto const share = 1 - statistics.count[c] / values;
    if (share > 1e-9) {  // weights sum to the number of cells but for round-off
      line += fmt::format("{}{} {:.1f} %",
                          line.empty() ? "missing values left out: " : ", ",
                          statistics.channels[c],
                          100 * share);
    }
  }
  return line.empty() ? line : line + "\n";
}

std::string heading(Dataset const& data, Statistics const& statistics) {
  int64_t frames = 0;
  for (int64_t i = 0; i < data.trajectories(); ++i) {
    frames += data.frames(i);
  }
  return fmt::format("'{}', part {}: {} trajectories, {} frames; changes over {} frame{}\n",
                     data.name(),
                     to_string(data.split()),
                     data.trajectories(),
                     frames,
                     statistics.delta_frames,
                     statistics.delta_frames == 1 ? "" : "s");
}

}  // namespace

int run_stats(std::vector<std::string> const& arguments, Communicator const& world) {
  auto const line = parse_command_line<StatsConfig>(arguments, stats_usage(), world);
  if (!line) {
    return 0;
  }
  auto config = line->config;
  if (!line->operands.empty()) {
    config.data.path = line->operands[0];
  }
  if (config.data.missing == Missing::refuse) {
    config.data.missing = Missing::mean;  // they are counted, not refused
  }
  bool divided = false;
  world.together([&] { divided = has_split(config.data, config.part); });
  Dataset data(config.data,
               divided ? config.part : Split::all,
               window_shape(config.data),
               {1, 1, 1},
               make_mesh(config.parallel, world));
  auto const statistics =
      compute_statistics(data, world, {.weights = config.weights, .delta_frames = config.delta});
  auto const& fields = data.state_spec()->fields;
  world.together([&] {
    if (!world.is_root()) {
      return;
    }
    std::cout << heading(data, statistics) << statistics_table(statistics, fields)
              << missing_line(statistics, data);
    if (!config.json.empty()) {
      write_text(config.json, statistics.to_json().dump(2) + "\n");
    }
    if (!config.yaml.empty()) {
      auto const& constants = data.batch_spec()->constant_fields;
      auto all = fields.fields();
      all.insert(all.end(), constants.fields().begin(), constants.fields().end());
      write_well_statistics(
          config.yaml, to_well_statistics(statistics, fields, constants), FieldSet(std::move(all)));
    }
  });
  return 0;
}

}  // namespace eddyline
