#include "data/field/json.hpp"

#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace eddyline {
namespace {

using nlohmann::json;

/// Runs `read`; what the JSON library finds wrong becomes our Error.
template <class Read>
auto reading(char const* what, Read read) {
  try {
    return read();
  } catch (json::exception const& error) {
    throw Error(concat(what, " is not as it was written: ", error.what()));
  }
}

Axis axis_from_json(json const& item) {
  Axis axis{
      .name = item.at("name"), .coordinates = item.at("coordinates"), .units = item.at("units")};
  auto const& ends = item.at("boundaries");
  axis.boundaries = {parse_boundary(ends.at(0)), parse_boundary(ends.at(1))};
  axis.edges = item.at("edges").get<std::vector<double>>();
  require(axis.edges.empty() || axis.edges.size() == axis.coordinates.size() + 1,
          "axis '",
          axis.name,
          "' has ",
          axis.edges.size(),
          " edges for ",
          axis.coordinates.size(),
          " cells; it needs one more than cells");
  return axis;
}

}  // namespace

json to_json(FieldSet const& fields) {
  auto list = json::array();
  for (auto const& field : fields.fields()) {
    list.push_back({{"name", field.name},
                    {"components", field.components},
                    {"units", field.units},
                    {"order", field.order}});
  }
  return list;
}

FieldSet field_set_from_json(json const& list) {
  return reading("the list of fields", [&] {
    std::vector<Field> fields;
    for (auto const& item : list) {
      fields.push_back(
          {item.at("name"), item.at("components"), item.at("units"), item.at("order")});
    }
    return FieldSet(std::move(fields));
  });
}

json to_json(Grid const& grid) {
  auto axes = json::array();
  for (int i = 3 - grid.dimensions(); i < 3; ++i) {
    auto const& axis = grid.axis(i);
    axes.push_back({{"name", axis.name},
                    {"units", axis.units},
                    {"boundaries", {to_string(axis.boundaries[0]), to_string(axis.boundaries[1])}},
                    {"coordinates", axis.coordinates},
                    {"edges", axis.edges}});
  }
  return {{"geometry", to_string(grid.geometry())}, {"axes", axes}};
}

Grid grid_from_json(json const& item) {
  return reading("the grid", [&] {
    std::vector<Axis> axes;
    for (auto const& axis : item.at("axes")) {
      axes.push_back(axis_from_json(axis));
    }
    return Grid(std::move(axes), parse_geometry(item.at("geometry")));
  });
}

}  // namespace eddyline
