#include "data/formats/netcdf_layout.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace eddyline {
namespace {

/// A channel before the choice.
struct Candidate {
  std::string name;
  NetcdfChannel channel;
};

/// Numbers of a variable's dimensions: space, then time and member (-1 where it has none).
using Axes = std::pair<std::vector<int>, std::pair<int, int>>;

int dimension_at(CfVariable const& variable, int position) {
  return position < 0 ? -1 : variable.variable->dimensions[static_cast<size_t>(position)];
}

Axes axes_of(CfVariable const& variable) {
  Axes axes;
  for (auto const position : variable.space) {
    axes.first.push_back(dimension_at(variable, position));
  }
  axes.second = {dimension_at(variable, variable.time), dimension_at(variable, variable.member)};
  return axes;
}

/// A single level is named only where it is a pressure, by which climate data name their fields.
bool is_level_named(NetcdfFile const& file, CfDimension const& dimension) {
  if (dimension.size > 1) {
    return true;
  }
  auto const names = level_names(file, dimension);
  auto const units = dimension.coordinate == nullptr ? "" : dimension.coordinate->text("units");
  return units == "Pa" || units == "hPa" || units.starts_with("millibar") || units == "mbar" ||
         units == "mb";
}

std::vector<Candidate> candidates_of(NetcdfFile const& file,
                                     std::vector<CfDimension> const& dimensions,
                                     CfVariable const& variable) {
  auto const& name = variable.variable->name;
  if (variable.level < 0) {
    return {{name, {variable, 0}}};
  }
  auto const& level = dimensions[static_cast<size_t>(dimension_at(variable, variable.level))];
  bool const named = is_level_named(file, level);
  auto const suffixes = level_names(file, level);
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < suffixes.size(); ++i) {
    candidates.push_back(
        {named ? name + "_" + suffixes[i] : name, {variable, static_cast<int64_t>(i)}});
  }
  return candidates;
}

std::string reasons(std::vector<CfVariable> const& variables) {
  std::string text;
  for (auto const& variable : variables) {
    if (!variable.refusal.empty()) {
      text +=
          concat(text.empty() ? "" : "; ", "'", variable.variable->name, "': ", variable.refusal);
    }
  }
  return text.empty() ? "it has no numeric variable with an axis of space" : text;
}

void add_wanted(NetcdfFile const& file,
                std::string const& name,
                std::vector<Candidate> const& all,
                std::vector<CfVariable> const& variables,
                std::vector<Candidate>& chosen) {
  auto const before = chosen.size();
  std::vector<std::string> known;
  for (auto const& candidate : all) {
    known.push_back(candidate.name);
    if (candidate.name == name || candidate.channel.source.variable->name == name) {
      chosen.push_back(candidate);
    }
  }
  for (auto const& variable : variables) {
    require(variable.variable->name != name || variable.refusal.empty(),
            "variable '",
            name,
            "' of '",
            file.path().string(),
            "' cannot be read as a field: ",
            variable.refusal);
  }
  require(chosen.size() > before,
          "'",
          file.path().string(),
          "' has no field '",
          name,
          "'",
          did_you_mean(name, known));
}

std::vector<Candidate> choose_wanted(NetcdfFile const& file,
                                     std::vector<std::string> const& fields,
                                     std::vector<Candidate> const& all,
                                     std::vector<CfVariable> const& variables) {
  std::vector<Candidate> chosen;
  for (auto const& name : fields) {
    add_wanted(file, name, all, variables, chosen);
  }
  for (auto const& candidate : chosen) {
    require(axes_of(candidate.channel.source) == axes_of(chosen.front().channel.source),
            "fields '",
            chosen.front().name,
            "' and '",
            candidate.name,
            "' of '",
            file.path().string(),
            "' have different dimensions; choose fields of one grid and time with data.fields");
  }
  return chosen;
}

std::vector<Candidate> choose_largest(std::vector<Candidate> const& all) {
  bool const any_time =
      std::any_of(all.begin(), all.end(), [](auto const& c) { return c.channel.source.time >= 0; });
  std::vector<Axes> keys;  // in file order, so that the first of equal groups wins
  std::map<Axes, std::vector<Candidate>> groups;
  for (auto const& candidate : all) {
    if (any_time && candidate.channel.source.time < 0) {
      continue;
    }
    auto const key = axes_of(candidate.channel.source);
    if (groups[key].empty()) {
      keys.push_back(key);
    }
    groups[key].push_back(candidate);
  }
  auto const largest =
      std::max_element(keys.begin(), keys.end(), [&](auto const& a, auto const& b) {
        return groups[a].size() < groups[b].size();
      });
  return groups[*largest];
}

Field field_of(Candidate const& candidate) {
  return {.name = candidate.name, .units = candidate.channel.source.variable->text("units")};
}

void fill(std::vector<Candidate> const& candidates,
          FieldSet& fields,
          std::vector<NetcdfChannel>& channels) {
  std::vector<Field> list;
  for (auto const& candidate : candidates) {
    list.push_back(field_of(candidate));
    channels.push_back(candidate.channel);
  }
  fields = FieldSet(std::move(list));
}

Grid make_grid(NetcdfFile const& file,
               std::vector<CfDimension> const& dimensions,
               CfVariable const& variable) {
  std::vector<Axis> axes;
  bool sphere = false;
  for (auto const position : variable.space) {
    auto const& dimension = dimensions[static_cast<size_t>(dimension_at(variable, position))];
    sphere = sphere || dimension.role == CfRole::latitude || dimension.role == CfRole::longitude;
    require(dimension.size > 0,
            "dimension '",
            dimension.name,
            "' of '",
            file.path().string(),
            "' has length 0");
    axes.push_back(make_axis(file, dimension));
  }
  return Grid(std::move(axes), sphere ? Geometry::lat_lon : Geometry::cartesian);
}

NetcdfVariable const* scalar_time(NetcdfFile const& file) {
  for (auto const& variable : file.variables()) {
    bool const is_time = variable.text("standard_name") == "time" || variable.name == "time";
    if (variable.is_numeric() && variable.rank() == 0 && is_time) {
      return &variable;
    }
  }
  return nullptr;
}

std::string plain_time_unit(NetcdfVariable const& coordinate) {
  static std::set<std::string> const names = {"year", "month", "day", "hour"};
  auto const units = coordinate.text("units");
  return units.empty() && names.contains(coordinate.name) ? coordinate.name
         : units == "1"                                   ? ""
                                                          : units;
}

void set_times(NetcdfFile const& file,
               NetcdfVariable const* coordinate,
               int64_t frames,
               NetcdfLayout& layout) {
  if (coordinate == nullptr) {
    require(frames <= int64_t{1} << 24, "'", file.path().string(), "' has ", frames, " frames");
    for (int64_t i = 0; i < frames; ++i) {
      layout.times.push_back(static_cast<double>(i));
    }
    layout.remarks.emplace_back("the file gives no times: frames are counted");
    return;
  }
  layout.times = file.read_all(*coordinate);
  for (auto const time : layout.times) {
    require(std::isfinite(time),
            "time '",
            coordinate->name,
            "' of '",
            file.path().string(),
            "' is missing or not finite");
  }
  auto const units = coordinate->text("units");
  if (is_cf_time_units(units)) {
    layout.calendar =
        with_context([&] { return parse_cf_time(units, coordinate->text("calendar")); },
                     "reading time '",
                     coordinate->name,
                     "' of '",
                     file.path().string(),
                     "'");
    layout.time_unit = to_string(layout.calendar->unit);
  } else {
    layout.time_unit = plain_time_unit(*coordinate);
  }
}

void set_remarks(NetcdfFile const& file,
                 std::vector<CfVariable> const& variables,
                 NetcdfLayout& layout) {
  std::set<std::string> taken;
  for (auto const* list : {&layout.channels, &layout.constant_channels}) {
    for (auto const& channel : *list) {
      taken.insert(channel.source.variable->name);
    }
  }
  for (auto const& variable : variables) {
    auto const& name = variable.variable->name;
    if (!variable.refusal.empty()) {
      layout.remarks.push_back(concat("'", name, "' is left out: ", variable.refusal));
    } else if (!taken.contains(name)) {
      layout.remarks.push_back(
          concat("'", name, "' is left out: it was not asked for or its dimensions differ"));
    }
  }
  if (file.groups() > 0) {
    layout.remarks.push_back(concat(file.groups(), " groups below the root are not read"));
  }
}

std::string role_text(CfRole role) {
  switch (role) {
    case CfRole::time:
      return "time";
    case CfRole::member:
      return "member";
    case CfRole::level:
      return "level";
    case CfRole::latitude:
      return "latitude";
    case CfRole::longitude:
      return "longitude";
    case CfRole::rotated_latitude:
      return "latitude of a rotated pole";
    case CfRole::rotated_longitude:
      return "longitude of a rotated pole";
    case CfRole::space:
      return "space";
  }
  return "";
}

}  // namespace

NetcdfLayout lay_out(NetcdfFile const& file,
                     std::vector<std::string> const& fields,
                     Levels levels) {
  auto const dimensions = classify_dimensions(file);
  auto const variables = classify_variables(file, dimensions, levels);
  std::vector<Candidate> all;
  for (auto const& variable : variables) {
    if (variable.refusal.empty()) {
      auto const more = candidates_of(file, dimensions, variable);
      all.insert(all.end(), more.begin(), more.end());
    }
  }
  auto const chosen = fields.empty() && !all.empty() ? choose_largest(all)
                                                     : choose_wanted(file, fields, all, variables);
  require(!chosen.empty(),
          "no variable of '",
          file.path().string(),
          "' can be read as a field: ",
          reasons(variables));
  NetcdfLayout layout;
  fill(chosen, layout.fields, layout.channels);
  auto const& source = chosen.front().channel.source;
  std::vector<Candidate> constants;
  for (auto const& candidate : all) {
    auto const& other = candidate.channel.source;
    bool const same_space = axes_of(other).first == axes_of(source).first;
    if (source.time >= 0 && other.time < 0 && other.member < 0 && same_space) {
      constants.push_back(candidate);
    }
  }
  fill(constants, layout.constants, layout.constant_channels);
  layout.grid = make_grid(file, dimensions, source);
  auto const member = dimension_at(source, source.member);
  layout.members = member < 0 ? 1 : dimensions[static_cast<size_t>(member)].size;
  if (source.time >= 0) {
    auto const& time = dimensions[static_cast<size_t>(dimension_at(source, source.time))];
    set_times(file, time.coordinate, time.size, layout);
  } else {
    set_times(file, scalar_time(file), 1, layout);
  }
  require(
      !layout.times.empty(), "'", file.path().string(), "' has no frames: its time has length 0");
  set_remarks(file, variables, layout);
  return layout;
}

std::vector<std::string> describe_variables(NetcdfFile const& file) {
  auto const dimensions = classify_dimensions(file);
  std::vector<std::string> lines;
  for (auto const& dimension : dimensions) {
    lines.push_back(concat(
        "dimension ", dimension.name, " = ", dimension.size, " (", role_text(dimension.role), ")"));
  }
  for (auto const& found : classify_variables(file, dimensions, Levels::fields)) {
    std::string axes;
    for (auto const dimension : found.variable->dimensions) {
      axes += (axes.empty() ? "" : ", ") + dimensions[static_cast<size_t>(dimension)].name;
    }
    auto const units = found.variable->text("units");
    lines.push_back(concat("variable ",
                           found.variable->name,
                           " (",
                           axes,
                           ")",
                           units.empty() ? "" : " [" + units + "]",
                           found.variable->packing.is_packed ? ", packed" : "",
                           found.refusal.empty() ? "" : "; not for training: " + found.refusal));
  }
  return lines;
}

}  // namespace eddyline
