#include "workflows/evaluation/report.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "workflows/metrics/registry.hpp"

namespace eddyline {
namespace {

using nlohmann::json;

json number(double value) {
  return std::isfinite(value) ? json(value) : json(nullptr);
}

/// {field: value, …, "mean": value}; a pooled metric has "all" only.
json values_of(MetricResult const& result, std::vector<std::string> const& fields) {
  if (result.channels.empty()) {
    return {{"all", number(result.overall)}};
  }
  json values;
  for (size_t c = 0; c < result.channels.size(); ++c) {
    values[fields[c]] = number(result.channels[c]);
  }
  values["mean"] = number(result.overall);
  return values;
}

/// metric → method → values, of what `pick` gives for a metric and a method.
template <class Pick>
json table_of(Scores const& scores, std::vector<std::string> const& fields, Pick pick) {
  json table;
  for (auto const& [name, methods] : scores.columns) {
    for (auto const& [method, steps] : methods) {
      table[name][method] = values_of(pick(name, method), fields);
    }
  }
  return table;
}

json definitions(Scores const& scores) {
  json all;
  for (auto const& [name, methods] : scores.columns) {
    auto const& entry = metric_entry(name);
    all[name] = {{"definition", entry.definition},
                 {"space", to_string(entry.space)},
                 {"unit", entry.unit == "field" ? "the field's" : entry.unit}};
  }
  return all;
}

std::string window_name(std::pair<int64_t, int64_t> const& window) {
  return fmt::format("{}:{}", window.first, window.second);
}

int64_t steps_of(Scores const& scores) {
  return scores.columns.empty()
             ? 0
             : static_cast<int64_t>(scores.columns.begin()->second.begin()->second.size());
}

/// Steps that a table shows: 1, 2, 5, 10, 20, 30, 50, 100, … and the last.
std::vector<int64_t> shown_steps(int64_t horizon) {
  std::vector<int64_t> steps;
  for (auto const step : {1, 2, 5, 10, 20, 30, 50, 100, 200, 500, 1000, 2000, 5000}) {
    if (step < horizon) {
      steps.push_back(step);
    }
  }
  steps.push_back(horizon);
  return steps;
}

/// Value of a field (its channel), or the pooled one.
double value_of(MetricResult const& result, size_t channel) {
  return result.channels.empty() ? result.overall : result.channels.at(channel);
}

struct Line {
  std::string label;
  std::function<MetricResult(std::string const& method)> of;
};

std::string print_lines(EvaluationResult const& result,
                        std::string const& metric,
                        std::vector<Line> const& lines) {
  auto const& methods = result.one_step.methods;
  auto const pooled = result.one_step.columns.at(metric).begin()->second.front().channels.empty();
  size_t widest = 6;
  for (auto const& field : result.fields) {
    widest = std::max(widest, field.size() + 2);
  }
  auto const first = std::max<size_t>(14, metric.size() + 2);  // or the longest label
  std::string text = fmt::format("  {:<{}}{:<{}}", metric, first, "field", widest);
  for (auto const& method : methods) {
    text += fmt::format("{:>13}", method);
  }
  text += "\n";
  for (auto const& line : lines) {
    for (size_t c = 0; c < (pooled ? 1 : result.fields.size()); ++c) {
      text += fmt::format("  {:<{}}{:<{}}",
                          c == 0 ? line.label : "",
                          first,
                          pooled ? "all" : result.fields[c],
                          widest);
      for (auto const& method : methods) {
        text += fmt::format("{:>13.4g}", value_of(line.of(method), c));
      }
      text += "\n";
    }
  }
  return text;
}

}  // namespace

json to_json(EvaluationResult const& result) {
  json report = {{"format", "eddyline evaluation"},
                 {"version", 1},
                 {"interval", result.interval},
                 {"time_unit", result.time_unit}};
  report["fields"] = result.fields;
  report["units"] = result.units;
  report["methods"] = result.one_step.methods;
  report["metrics"] = definitions(result.one_step);
  report["one_step"] =
      table_of(result.one_step, result.fields, [&](auto const& name, auto const& method) {
        return result.one_step.columns.at(name).at(method).front();
      });
  report["one_step_windows"] = result.one_step.samples;
  if (!result.rollout) {
    return report;
  }
  auto const& rollout = *result.rollout;
  auto const horizon = steps_of(rollout);
  report["rollouts"] = rollout.samples;
  report["horizon"] = horizon;
  report["windows"] = json::object();
  report["windows_convention"] =
      "mean over predicted frames first … last-1 of the rollout, the first predicted frame being "
      "0; "
      "vrmse.morph and nrmse.morph pool these frames";
  for (auto const& window : reported_windows()) {
    if (window.second <= horizon) {
      report["windows"][window_name(window)] =
          table_of(rollout, result.fields, [&](auto const& name, auto const& method) {
            return rollout.mean_over(name, method, window.first, window.second);
          });
    }
  }
  for (int64_t step = 0; step < horizon; ++step) {
    report["steps"].push_back(
        {{"step", step + 1},
         {"time", static_cast<double>(step + 1) * result.interval},
         {"scores", table_of(rollout, result.fields, [&](auto const& name, auto const& method) {
            return rollout.columns.at(name).at(method)[static_cast<size_t>(step)];
          })}});
  }
  return report;
}

std::string score_table(EvaluationResult const& result, std::string const& metric) {
  require(result.one_step.columns.contains(metric),
          "table names '",
          metric,
          "', which is not among the metrics that were scored");
  std::vector<Line> lines = {{"one step", [&](auto const& method) {
                                return result.one_step.columns.at(metric).at(method).front();
                              }}};
  if (result.rollout) {
    auto const& rollout = *result.rollout;
    auto const horizon = steps_of(rollout);
    for (auto const step : shown_steps(horizon)) {
      lines.push_back({fmt::format("step {}", step), [&rollout, &metric, step](auto const& method) {
                         return rollout.columns.at(metric).at(
                             method)[static_cast<size_t>(step - 1)];
                       }});
    }
    for (auto const& window : reported_windows()) {
      if (window.second <= horizon) {
        lines.push_back(
            {"window " + window_name(window), [&rollout, &metric, window](auto const& method) {
               return rollout.mean_over(metric, method, window.first, window.second);
             }});
      }
    }
  }
  return print_lines(result, metric, lines);
}

}  // namespace eddyline
