#include "workflows/compatibility.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "data/field/json.hpp"

namespace eddyline {
namespace {

/// Coordinates in files are float32 and time axes are often rounded.
constexpr double kTolerance = 1e-3;

bool differ(double a, double b) {
  return std::abs(a - b) > kTolerance * std::max(std::abs(a), std::abs(b));
}

/// True if the data's first step is one of those trained on, or one of the two is not known.
bool steps_fit(DataFacts const& trained, DataFacts const& now) {
  if (!trained.step || !now.step || !differ(*trained.step, *now.step)) {
    return true;
  }
  return std::any_of(trained.more_steps.begin(), trained.more_steps.end(), [&](double step) {
    return !differ(step, *now.step);
  });
}

std::string quote(std::string const& text) {
  return "'" + text + "'";
}

std::string step_text(DataFacts const& facts) {
  if (!facts.step) {
    return "unknown";
  }
  auto const more = facts.more_steps.empty() ? std::string() : concat(", ", facts.more_steps);
  return concat(*facts.step, more, " ", facts.time_unit);
}

/// Names of all channels of all kinds, "density, velocity_x | constants mask | scalars Re".
std::string channel_text(DataFacts const& facts) {
  auto const join = [](std::vector<std::string> const& names) { return concat(names); };
  auto text =
      join(facts.input_fields.channel_names()) + " -> " + join(facts.output_fields.channel_names());
  if (!facts.constant_fields.empty()) {
    text += ", constants " + join(facts.constant_fields.channel_names());
  }
  return facts.scalars.empty() ? text : text + ", scalars " + join(facts.scalars);
}

/// True if each unit equals the other's or one of them is not known.
bool units_fit(std::vector<std::string> const& a, std::vector<std::string> const& b) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (!a[i].empty() && !b[i].empty() && a[i] != b[i]) {
      return false;
    }
  }
  return true;
}

/// Distances of neighbouring cells, without sign.
std::vector<double> distances(Axis const& axis) {
  std::vector<double> found;
  for (size_t i = 1; i < axis.coordinates.size(); ++i) {
    found.push_back(std::abs(axis.coordinates[i] - axis.coordinates[i - 1]));
  }
  return found;
}

std::string spacing_text(Grid const& grid) {
  std::string text;
  for (auto const& axis : grid.axes()) {
    if (axis.size() < 2) {
      continue;
    }
    text += concat(text.empty() ? "" : ", ", axis.name, " ");
    if (axis.is_uniform()) {
      text += concat(axis.spacing());
    } else {
      auto const cells = distances(axis);
      auto const [least, most] = std::minmax_element(cells.begin(), cells.end());
      text +=
          concat(cells.front(), " … ", cells.back(), " (not uniform, ", *least, " to ", *most, ")");
    }
  }
  return text;
}

/// True if the distances of the shorter axis are found in a row on the longer one: on uniform axes
/// any number of equal cells, on stretched ones the same cells or a part of them.
bool spacings_fit(Axis const& a, Axis const& b) {
  auto longer = distances(a), shorter = distances(b);
  if (longer.size() < shorter.size()) {
    longer.swap(shorter);
  }
  if (shorter.empty()) {
    return longer.empty();
  }
  auto const found = std::search(
      longer.begin(), longer.end(), shorter.begin(), shorter.end(), [](double x, double y) {
        return !differ(x, y);
      });
  return found != longer.end();
}

bool spacings_fit(Grid const& a, Grid const& b) {
  return spacings_fit(a.axis(0), b.axis(0)) && spacings_fit(a.axis(1), b.axis(1)) &&
         spacings_fit(a.axis(2), b.axis(2));
}

std::string boundary_text(Grid const& grid) {
  std::string text;
  for (auto const& axis : grid.axes()) {
    if (!axis.name.empty()) {
      text += concat(text.empty() ? "" : ", ",
                     axis.name,
                     " ",
                     to_string(axis.boundaries[0]),
                     "/",
                     to_string(axis.boundaries[1]));
    }
  }
  return text;
}

std::string geometry_text(Grid const& grid) {
  return concat(to_string(grid.geometry()), ", ", grid.dimensions(), "-D");
}

/// One thing that must agree: its name, both values in words.
struct Check {
  std::string name;
  bool fits;
  std::string trained, now;
};

std::vector<Check> compare(DataFacts const& trained, DataFacts const& now) {
  std::vector<Check> checks;
  checks.push_back({"step", steps_fit(trained, now), step_text(trained), step_text(now)});
  checks.push_back({"time_unit",
                    units_fit({trained.time_unit}, {now.time_unit}),
                    quote(trained.time_unit),
                    quote(now.time_unit)});
  checks.push_back({"fields",
                    channel_text(trained) == channel_text(now),
                    channel_text(trained),
                    channel_text(now)});
  auto const units = [](DataFacts const& facts) {
    auto names = facts.input_fields.channel_units();
    for (auto const& unit : facts.constant_fields.channel_units()) {
      names.push_back(unit);
    }
    return names;
  };
  checks.push_back(
      {"units", units_fit(units(trained), units(now)), concat(units(trained)), concat(units(now))});
  checks.push_back({"spacing",
                    spacings_fit(trained.grid, now.grid),
                    spacing_text(trained.grid),
                    spacing_text(now.grid)});
  checks.push_back({"boundaries",
                    boundary_text(trained.grid) == boundary_text(now.grid),
                    boundary_text(trained.grid),
                    boundary_text(now.grid)});
  checks.push_back({"geometry",
                    geometry_text(trained.grid) == geometry_text(now.grid),
                    geometry_text(trained.grid),
                    geometry_text(now.grid)});
  return checks;
}

}  // namespace

DataFacts data_facts(BatchSpec const& spec) {
  return {.input_fields = spec.input_fields,
          .output_fields = spec.output_fields,
          .constant_fields = spec.constant_fields,
          .scalars = spec.scalars,
          .grid = spec.input_grid,
          .time_unit = spec.time_unit,
          .step = spec.step,
          .more_steps = spec.more_steps};
}

nlohmann::json to_json(DataFacts const& facts) {
  return {{"fields", to_json(facts.input_fields)},
          {"output_fields", to_json(facts.output_fields)},
          {"constant_fields", to_json(facts.constant_fields)},
          {"scalars", facts.scalars},
          {"grid", to_json(facts.grid)},
          {"time_unit", facts.time_unit},
          {"step", facts.step ? nlohmann::json(*facts.step) : nlohmann::json(nullptr)},
          {"more_steps", facts.more_steps}};
}

DataFacts data_facts_from_json(nlohmann::json const& json) {
  auto const at = [&](char const* key) -> nlohmann::json const& {
    require(json.is_object() && json.contains(key),
            "the description of the training data has no '",
            key,
            "'");
    return json[key];
  };
  try {
    return {.input_fields = field_set_from_json(at("fields")),
            .output_fields = field_set_from_json(at("output_fields")),
            .constant_fields = field_set_from_json(at("constant_fields")),
            .scalars = at("scalars").get<std::vector<std::string>>(),
            .grid = grid_from_json(at("grid")),
            .time_unit = at("time_unit").get<std::string>(),
            .step = at("step").is_null() ? std::nullopt : std::optional(at("step").get<double>()),
            .more_steps = json.value("more_steps", std::vector<double>())};
  } catch (nlohmann::json::exception const& error) {
    throw Error(concat("the description of the training data is damaged: ", error.what()));
  }
}

std::vector<std::string> const& compatibility_names() {
  static std::vector<std::string> const names = {
      "step", "time_unit", "fields", "units", "spacing", "boundaries", "geometry"};
  return names;
}

void check_compatible(DataFacts const& trained,
                      DataFacts const& now,
                      std::vector<std::string> const& allow,
                      std::string const& where) {
  auto const& known = compatibility_names();
  for (auto const& name : allow) {
    require(std::find(known.begin(), known.end(), name) != known.end(),
            "allow: '",
            name,
            "' is not a difference that can be allowed",
            did_you_mean(name, known));
  }
  std::string differences;
  std::vector<std::string> needed;
  for (auto const& check : compare(trained, now)) {
    if (!check.fits && std::find(allow.begin(), allow.end(), check.name) == allow.end()) {
      differences += concat("\n  ", check.name, ": ", check.now, " instead of ", check.trained);
      needed.push_back(check.name);
    }
  }
  require(needed.empty(),
          where,
          " is not what the model was trained on:",
          differences,
          "\n  use data like the model's, or if it is meant: allow: [",
          needed,
          "]");
}

}  // namespace eddyline
