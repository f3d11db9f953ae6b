#include "data/formats/array_map.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace eddyline {
namespace {

std::string const kSuggest = "; 'eddyline inspect --suggest FILE' prints a map as a start";

void check_axes(std::vector<std::string> const& axes, std::string const& where) {
  std::set<std::string> const unique(axes.begin(), axes.end());
  require(unique.size() == axes.size(), where, " names an axis twice: ", axes);
  require(!unique.contains(""), where, " has an axis without a name");
  auto const space = space_axes(axes).size();
  require(space >= 1 && space <= 3,
          where,
          " (",
          axes,
          ") names ",
          space,
          " axes of space; 1 to 3 are allowed beside sample, time and component");
}

void check_entry(ArrayMap const& map, ArrayFieldMap const& entry) {
  require(!entry.name.empty(), "data.map has a field without name");
  require(
      !entry.data.empty(), "field '", entry.name, "' of data.map names no array: set its key data");
  require(
      entry.components.empty() || !entry.index,
      "field '",
      entry.name,
      "' of data.map has components and index: components takes all of the axis, index one of it");
  require(!entry.index || *entry.index >= 0,
          "index ",
          entry.index.value_or(0),
          " of field '",
          entry.name,
          "' of data.map is negative");
  require(std::isfinite(entry.scale) && entry.scale != 0 && std::isfinite(entry.offset),
          "scale ",
          entry.scale,
          " and offset ",
          entry.offset,
          " of field '",
          entry.name,
          "' of data.map must be finite, scale not 0");
  if (entry.axes.empty()) {
    return;
  }
  check_axes(entry.axes, concat("axes of field '", entry.name, "' of data.map"));
  auto own = space_axes(entry.axes);
  auto all = space_axes(map.axes);
  std::sort(own.begin(), own.end());
  std::sort(all.begin(), all.end());
  require(own == all,
          "axes of field '",
          entry.name,
          "' of data.map name the space ",
          own,
          ", the map ",
          all);
}

void check_coordinates(ArrayMap const& map) {
  auto const space = space_axes(map.axes);
  for (auto const& [name, entry] : map.coordinates) {
    require(std::count(space.begin(), space.end(), name) > 0,
            "coordinates of data.map name axis '",
            name,
            "'; the axes of space are ",
            space);
    require(entry.boundaries.size() <= 2,
            "axis '",
            name,
            "' of data.map has ",
            entry.boundaries.size(),
            " boundaries; give one, or [low, high]");
    require(entry.data.empty() || !(entry.start || entry.step || entry.stop),
            "axis '",
            name,
            "' of data.map has data and start, step or stop; give one of them");
    require(!(entry.step && entry.stop),
            "axis '",
            name,
            "' of data.map has step and stop; give one of them");
  }
}

}  // namespace

std::vector<std::string> space_axes(std::vector<std::string> const& axes) {
  std::vector<std::string> space;
  for (auto const& axis : axes) {
    if (axis != "sample" && axis != "time" && axis != "component") {
      space.push_back(axis);
    }
  }
  return space;
}

ArrayMap parse_array_map(std::string const& yaml, std::string const& where) {
  require(!yaml.empty(), "own arrays need data.map, which says what they are", kSuggest);
  auto const map = parse_config<ArrayMap>(yaml, where);
  require(!map.axes.empty(), "data.map has no axes", kSuggest);
  require(!map.fields.empty(), "data.map has no fields", kSuggest);
  check_axes(map.axes, "axes of data.map");
  bool const has_time = std::count(map.axes.begin(), map.axes.end(), "time") > 0;
  require(has_time || map.file_holds == FileHolds::frame,
          "axes of data.map (",
          map.axes,
          ") have no time; add it, or say file_holds: frame");
  for (auto const* list : {&map.fields, &map.constants}) {
    for (auto const& entry : *list) {
      check_entry(map, entry);
    }
  }
  check_coordinates(map);
  std::vector<std::string> const splits = {"train", "valid", "test"};
  for (auto const& [name, range] : map.splits) {
    require(std::find(splits.begin(), splits.end(), name) != splits.end(),
            "splits of data.map names '",
            name,
            "'",
            did_you_mean(name, splits));
  }
  require(map.time.step > 0, "time.step of data.map is ", map.time.step, "; it must be positive");
  parse_geometry(map.geometry);
  return map;
}

ArrayAxes axes_of(ArrayMap const& map, ArrayFieldMap const& entry, Varies in_time, int64_t rank) {
  ArrayAxes axes;
  axes.names = entry.axes.empty() ? map.axes : entry.axes;
  auto const drop = [&](std::string const& name) { std::erase(axes.names, name); };
  if (entry.axes.empty()) {
    if (entry.components.empty() && !entry.index) {
      drop("component");
    }
    if (in_time == Varies::no) {
      drop("time");
    }
    if (in_time == Varies::no && static_cast<int64_t>(axes.names.size()) == rank + 1) {
      drop("sample");
    }
  }
  require(static_cast<int64_t>(axes.names.size()) == rank,
          "it has ",
          rank,
          " dimensions, data.map gives it ",
          axes.names.size(),
          ": ",
          axes.names);
  auto const position = [&](std::string const& name) {
    auto const found = std::find(axes.names.begin(), axes.names.end(), name);
    return found == axes.names.end() ? -1 : static_cast<int>(found - axes.names.begin());
  };
  axes.sample = position("sample");
  axes.time = position("time");
  axes.component = position("component");
  for (auto const& name : space_axes(map.axes)) {
    axes.space.push_back(position(name));
  }
  require(axes.component < 0 || !entry.components.empty() || entry.index,
          "it has an axis component: name "
          "the components of field '",
          entry.name,
          "' or take one by index");
  return axes;
}

std::vector<Field> fields_of(ArrayMap const& map, ArrayFieldMap const& entry) {
  if (entry.components.empty()) {
    return {{.name = entry.name, .units = entry.units}};
  }
  auto const space = space_axes(map.axes);
  for (int const order : {1, 2}) {
    if (entry.components == component_names(order, space)) {
      return {{.name = entry.name,
               .components = entry.components,
               .units = entry.units,
               .order = order}};
    }
  }
  std::vector<Field> fields;
  for (auto const& component : entry.components) {
    fields.push_back({.name = entry.name + "_" + component, .units = entry.units});
  }
  return fields;
}

Axis make_axis(std::string const& name,
               ArrayAxisMap const& entry,
               int64_t size,
               std::vector<double> const& given) {
  Axis axis{.name = name, .units = entry.units};
  auto const n = static_cast<size_t>(size);
  if (!given.empty()) {
    require(given.size() == n || given.size() == n + 1,
            "coordinates of axis '",
            name,
            "' (",
            entry.data,
            ") have ",
            given.size(),
            " values; the axis has ",
            n,
            " cells: give their centres, or ",
            n + 1,
            " edges");
    require(std::all_of(given.begin(), given.end(), [](double x) { return std::isfinite(x); }),
            "coordinates of axis '",
            name,
            "' (",
            entry.data,
            ") hold a number that is not finite");
    axis.coordinates = given;
    if (given.size() == n + 1) {
      axis.edges = given;
      axis.coordinates.pop_back();
      for (size_t i = 0; i < n; ++i) {
        axis.coordinates[i] = 0.5 * (given[i] + given[i + 1]);
      }
    }
  } else {
    auto const start = entry.start.value_or(0);
    auto const step =
        entry.step   ? *entry.step
        : entry.stop ? (*entry.stop - start) / static_cast<double>(std::max<int64_t>(size - 1, 1))
                     : 1;
    require(step != 0 && std::isfinite(step), "step of axis '", name, "' is ", step);
    axis.coordinates.resize(n);
    for (size_t i = 0; i < n; ++i) {
      axis.coordinates[i] = start + step * static_cast<double>(i);
    }
  }
  if (!entry.boundaries.empty()) {
    axis.boundaries = {parse_boundary(entry.boundaries.front()),
                       parse_boundary(entry.boundaries.back())};
  }
  return axis;
}

std::vector<std::string> array_names(ArrayMap const& map) {
  std::vector<std::string> names;
  for (auto const* list : {&map.fields, &map.constants}) {
    for (auto const& entry : *list) {
      names.push_back(entry.data);
    }
  }
  if (!map.time.data.empty()) {
    names.push_back(map.time.data);
  }
  for (auto const& [axis, entry] : map.coordinates) {
    if (!entry.data.empty()) {
      names.push_back(entry.data);
    }
  }
  return names;
}

}  // namespace eddyline
