#include "data/formats/well_header.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace eddyline {
namespace {

using Role = StoredAxis::Role;

bool is_set(Hdf5Object const& object, std::string const& attribute) {
  return object.read_flag(attribute) == Flag::yes;
}

/// An attribute that older writers leave out.
bool is_set_if_there(Hdf5Object const& object, std::string const& attribute) {
  return object.has_attribute(attribute) && is_set(object, attribute);
}

std::string text_if_there(Hdf5Object const& object, std::string const& attribute) {
  return object.has_attribute(attribute) ? object.read_text(attribute) : "";
}

/// Splits a data set (n) or, if `sample_varying`, (B, n) into lists.
std::vector<std::vector<double>> read_lists(Hdf5DataSet const& data, int64_t samples) {
  bool const varies = is_set_if_there(data, "sample_varying");
  auto const& shape = data.shape();
  require(
      shape.size() == (varies ? 2U : 1U) && shape.back() > 0 && (!varies || shape[0] == samples),
      data.place().describe(),
      " has shape (",
      shape,
      ") where ",
      varies ? concat("(", samples, ", n), one list a sample,") : std::string("one list (n)"),
      " is expected");
  auto const all = data.read_numbers();
  std::vector<std::vector<double>> lists;
  for (auto at = all.begin(); at != all.end(); at += shape.back()) {
    lists.emplace_back(at, at + shape.back());
  }
  return lists;
}

Geometry geometry_of(std::string const& grid_type) {
  return grid_type == "cartesian" ? Geometry::cartesian : Geometry::spherical;
}

Grid read_grid(Hdf5File const& file, WellHeader& header) {
  auto const dimensions = file.open_group("dimensions");
  auto const names = dimensions.read_texts("spatial_dims");
  auto const count = file.read_integer("n_spatial_dims");
  require(count >= 1 && count <= 3 && names.size() == static_cast<size_t>(count),
          "'",
          file.place().file,
          "' has n_spatial_dims = ",
          count,
          " and the spatial_dims ",
          names,
          "; 1 to 3 of them, and as many names, are expected");
  auto const boundaries = read_well_boundaries(file, names, header.remarks);
  std::vector<Axis> axes;
  for (size_t i = 0; i < names.size(); ++i) {
    auto const data = dimensions.open_data_set(names[i]);
    auto const lists = read_lists(data, header.trajectories);
    for (auto const& list : lists) {
      if (list != lists.front()) {
        header.remarks.push_back(
            concat("coordinates of axis '",
                   names[i],
                   "' vary from sample to sample; the grid is that of the first"));
        break;
      }
    }
    axes.push_back({.name = names[i],
                    .coordinates = lists.front(),
                    .units = text_if_there(data, "units"),
                    .boundaries = boundaries[i]});
  }
  return Grid(std::move(axes), geometry_of(file.read_text("grid_type")));
}

/// Axes of a field's data set from its flags.
StoredArray array_of(Hdf5DataSet const& data, int order, Grid const& grid) {
  StoredArray array;
  auto const dimensions = grid.dimensions();
  auto const varying = data.read_numbers("dim_varying");
  require(varying.size() == static_cast<size_t>(dimensions),
          "attribute 'dim_varying' of ",
          data.place().describe(),
          " has ",
          varying.size(),
          " entries for ",
          dimensions,
          " axes");
  if (is_set(data, "sample_varying")) {
    array.axes.push_back({.role = Role::sample});
  }
  if (is_set(data, "time_varying")) {
    array.axes.push_back({.role = Role::time});
  }
  for (int i = 0; i < dimensions; ++i) {
    if (varying[static_cast<size_t>(i)] != 0) {
      array.axes.push_back({.role = Role::space, .space = 3 - dimensions + i});
    }
  }
  for (int k = 0; k < order; ++k) {
    array.axes.push_back({.role = Role::component, .count = dimensions, .total = dimensions});
  }
  return array;
}

void read_fields(Hdf5File const& file, WellHeader& header) {
  std::vector<Field> fields;
  std::vector<Field> constants;
  std::vector<std::string> axes;
  for (int i = 3 - header.grid.dimensions(); i < 3; ++i) {
    axes.push_back(header.grid.axis(i).name);
  }
  for (int order = 0; order < 3; ++order) {
    auto const name = concat("t", order, "_fields");
    auto const group = file.open_group(name);
    for (auto const& field : group.read_texts("field_names")) {
      auto const data = group.open_data_set(field);
      auto array = array_of(data, order, header.grid);
      array.data_set = name + "/" + field;
      bool const changes = array.has(Role::time);
      check_shape(array,
                  data,
                  {.samples = header.trajectories,
                   .frames = static_cast<int64_t>(header.times.front().size()),
                   .grid = header.grid.shape()});
      (changes ? fields : constants)
          .push_back({.name = field,
                      .components = component_names(order, axes),
                      .units = text_if_there(data, "units"),
                      .order = order});
      (changes ? header.field_arrays : header.constant_arrays).push_back(std::move(array));
    }
  }
  header.fields = FieldSet(std::move(fields));
  header.constants = FieldSet(std::move(constants));
}

void read_scalars(Hdf5File const& file, WellHeader& header) {
  auto const group = file.open_group("scalars");
  for (auto const& name : group.read_texts("field_names")) {
    auto const data = group.open_data_set(name);
    WellScalar scalar{.name = name,
                      .sample_varying = data.read_flag("sample_varying"),
                      .time_varying = data.read_flag("time_varying")};
    int64_t wanted = 1;
    wanted *= scalar.sample_varying == Flag::yes ? header.trajectories : 1;
    wanted *=
        scalar.time_varying == Flag::yes ? static_cast<int64_t>(header.times.front().size()) : 1;
    require(data.elements() == wanted,
            data.place().describe(),
            " has shape (",
            data.shape(),
            ") where ",
            wanted,
            " values are expected, as its sample_varying and time_varying say");
    scalar.values = data.read_numbers();
    header.scalars.push_back(std::move(scalar));
  }
}

}  // namespace

std::vector<double> WellScalar::of_sample(int64_t sample, int64_t frames) const {
  auto const count = time_varying == Flag::yes ? frames : 1;
  auto const first = values.begin() + (sample_varying == Flag::yes ? sample * count : 0);
  return {first, first + count};
}

std::vector<std::array<Boundary, 2>> read_well_boundaries(Hdf5File const& file,
                                                          std::vector<std::string> const& axes,
                                                          std::vector<std::string>& remarks) {
  std::vector<std::array<Boundary, 2>> result(axes.size(), {Boundary::open, Boundary::open});
  auto const conditions = file.open_group("boundary_conditions");
  for (auto const& name : conditions.groups()) {
    auto const group = conditions.open_group(name);
    auto const type = lower_case(group.read_text("bc_type"));
    auto const kind = with_context(
        [&] { return parse_boundary(type); }, "reading bc_type of ", group.place().describe());
    auto const where = group.read_texts("associated_dims");
    auto mask = group.open_data_set("mask").read_all(at::kBool);
    // A mask that varies is taken as the first sample and frame have it.
    for (auto const* flag : {"sample_varying", "time_varying"}) {
      if (is_set_if_there(group, flag) && mask.dim() > static_cast<int64_t>(where.size()) &&
          mask.size(0) > 0) {
        mask = mask.select(0, 0);
        remarks.push_back(
            concat("boundary condition '", name, "' is ", flag, "; its first mask was taken"));
      }
    }
    require(mask.dim() == static_cast<int64_t>(where.size()) && mask.numel() > 0,
            "mask of ",
            group.place().describe(),
            " has ",
            mask.dim(),
            " axes for the associated_dims ",
            where);
    for (int64_t i = 0; i < mask.dim(); ++i) {
      auto const axis = std::find(axes.begin(), axes.end(), where[static_cast<size_t>(i)]);
      require(axis != axes.end(),
              group.place().describe(),
              " names the axis '",
              where[static_cast<size_t>(i)],
              "'; there are ",
              axes);
      for (size_t end = 0; end < 2; ++end) {
        auto const edge = mask.select(i, end == 0 ? 0 : mask.size(i) - 1);
        auto const holds = kind == Boundary::wall ? edge.all() : edge.any();
        if (holds.item<bool>()) {
          result[static_cast<size_t>(axis - axes.begin())][end] = kind;
        }
      }
    }
  }
  return result;
}

WellHeader read_well_header(Hdf5File const& file) {
  WellHeader header;
  header.dataset_name = file.read_text("dataset_name");
  header.trajectories = file.read_integer("n_trajectories");
  require(header.trajectories >= 1,
          "'",
          file.place().file,
          "' has n_trajectories = ",
          header.trajectories,
          "; at least 1 is expected");
  header.grid = read_grid(file, header);
  auto const time = file.open_group("dimensions").open_data_set("time");
  header.time_unit = text_if_there(time, "units");
  header.times = read_lists(time, header.trajectories);
  read_fields(file, header);
  read_scalars(file, header);
  return header;
}

}  // namespace eddyline
