#include "data/formats/pdebench_header.hpp"

#include <cctype>

#include <yaml-cpp/yaml.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using Role = StoredAxis::Role;

constexpr size_t kLongestConfig = size_t{1} << 20;

/// The kind of equation from the file's name, where nothing inside the file says it.
bool name_holds(Hdf5Object const& file, std::string const& part) {
  return std::filesystem::path(file.place().file).filename().string().find(part) !=
         std::string::npos;
}

std::vector<double> read_list(Hdf5Group const& group, std::string const& name) {
  auto const data = group.open_data_set(name);
  require(data.dimensions() == 1 && data.elements() > 0,
          data.place().describe(),
          " has shape (",
          data.shape(),
          ") where one list is expected");
  return data.read_numbers();
}

/// Times of `frames` frames: the first ones of a list that upstream writes one entry too long.
std::vector<double> first_times(std::vector<double> times,
                                int64_t frames,
                                Hdf5Object const& where) {
  require(static_cast<int64_t>(times.size()) >= frames,
          where.place().describe(),
          " has ",
          times.size(),
          " times for ",
          frames,
          " frames");
  times.resize(static_cast<size_t>(frames));
  return times;
}

std::array<Boundary, 2> boundary_of(Hdf5Object const& file, std::vector<std::string>& remarks) {
  if (name_holds(file, "periodic") || name_holds(file, "Burgers") ||
      name_holds(file, "Advection")) {
    return {Boundary::periodic, Boundary::periodic};
  }
  if (name_holds(file, "diff-react")) {
    return {Boundary::wall, Boundary::wall};
  }
  if (!name_holds(file, "rdb") && !name_holds(file, "trans")) {
    remarks.emplace_back("the file does not say its boundaries: taken as open");
  }
  return {Boundary::open, Boundary::open};
}

StoredAxis space_axis(int position, int dimensions) {
  return {.role = Role::space, .space = 3 - dimensions + position};
}

enum class Frames { no, yes };

/// Sample, time (if there are frames), space axes.
StoredArray plain_array(std::string const& name, int dimensions, Frames frames) {
  StoredArray array{.data_set = name, .axes = {{.role = Role::sample}}};
  if (frames == Frames::yes) {
    array.axes.push_back({.role = Role::time});
  }
  for (int i = 0; i < dimensions; ++i) {
    array.axes.push_back(space_axis(i, dimensions));
  }
  return array;
}

StoredArray with_components(StoredArray array, int64_t count) {
  array.axes.push_back({.role = Role::component, .count = count, .total = count});
  return array;
}

constexpr std::array<char const*, 3> kAxisNames = {"x", "y", "z"};

void read_plain_grid(Hdf5File const& file, PdebenchHeader& header, int dimensions) {
  auto const boundaries = boundary_of(file, header.remarks);
  std::vector<Axis> axes;
  for (int i = 0; i < dimensions; ++i) {
    std::string const name = kAxisNames[static_cast<size_t>(i)];
    axes.push_back({.name = name,
                    .coordinates = read_list(file, name + "-coordinate"),
                    .boundaries = boundaries});
  }
  header.grid = Grid(std::move(axes));
}

std::map<std::string, double> number_attributes(Hdf5Object const& object) {
  std::map<std::string, double> numbers;
  for (auto const& name : object.attribute_names()) {
    if (object.is_number(name) && object.read_numbers(name).size() == 1) {
      numbers[name] = object.read_number(name);
    }
  }
  return numbers;
}

void add_samples(Hdf5File const& file, PdebenchHeader& header, std::vector<double> const& times) {
  auto const parameters = number_attributes(file);
  for (int64_t i = 0; i < header.samples; ++i) {
    header.trajectories.push_back({"", i, times, parameters});
  }
}

/// One array (N, T, x…): advection, Burgers, reaction-diffusion, Darcy.
void read_tensor(Hdf5File const& file, PdebenchHeader& header) {
  auto const data = file.open_data_set("tensor");
  auto const dimensions = static_cast<int>(data.dimensions()) - 2;
  require(dimensions >= 1 && dimensions <= 3,
          data.place().describe(),
          " has shape (",
          data.shape(),
          ") where (samples, frames, x…) is expected");
  read_plain_grid(file, header, dimensions);
  header.samples = data.shape()[0];
  header.fields = FieldSet({{.name = "u"}});
  header.field_arrays = {{plain_array("tensor", dimensions, Frames::yes)}};
  if (file.has_data_set("nu")) {
    header.constants = FieldSet({{.name = "nu"}});
    header.constant_arrays = {{plain_array("nu", dimensions, Frames::no)}};
    header.remarks.emplace_back("steady: the coefficient nu is given, the solution u is one frame");
  }
  auto const frames = data.shape()[1];
  auto const times = file.has_data_set("t-coordinate")
                         ? first_times(read_list(file, "t-coordinate"), frames, file)
                         : std::vector<double>(static_cast<size_t>(frames), 0.0);
  add_samples(file, header, times);
}

/// Compressible Navier-Stokes: density, pressure, Vx, Vy, Vz, each (N, T, x…).
void read_compressible(Hdf5File const& file, PdebenchHeader& header) {
  auto const density = file.open_data_set("density");
  auto const dimensions = static_cast<int>(density.dimensions()) - 2;
  require(dimensions >= 1 && dimensions <= 3,
          density.place().describe(),
          " has shape (",
          density.shape(),
          ") where (samples, frames, x…) is expected");
  read_plain_grid(file, header, dimensions);
  header.samples = density.shape()[0];
  std::vector<std::string> const axes(kAxisNames.begin(), kAxisNames.begin() + dimensions);
  std::vector<StoredArray> velocity;
  for (auto const& axis : axes) {
    velocity.push_back(plain_array("V" + axis, dimensions, Frames::yes));
  }
  header.fields =
      FieldSet({{.name = "density"},
                {.name = "pressure"},
                {.name = "velocity", .components = component_names(1, axes), .order = 1}});
  header.field_arrays = {{plain_array("density", dimensions, Frames::yes)},
                         {plain_array("pressure", dimensions, Frames::yes)},
                         std::move(velocity)};
  add_samples(file, header, first_times(read_list(file, "t-coordinate"), density.shape()[1], file));
}

/// Incompressible, inhomogeneous Navier-Stokes: velocity and particles (b, T, x, y, c).
void read_incompressible(Hdf5File const& file, PdebenchHeader& header) {
  auto const velocity = file.open_data_set("velocity");
  auto const& shape = velocity.shape();
  require(shape.size() == 5,
          velocity.place().describe(),
          " has shape (",
          shape,
          ") where (samples, frames, x, y, 2) is expected");
  auto const boundaries = boundary_of(file, header.remarks);
  std::vector<Axis> axes;
  for (size_t i = 0; i < 2; ++i) {
    Axis axis{.name = kAxisNames[i], .coordinates = {}, .units = "cells", .boundaries = boundaries};
    for (int64_t cell = 0; cell < shape[2 + i]; ++cell) {
      axis.coordinates.push_back(static_cast<double>(cell) + 0.5);
    }
    axes.push_back(std::move(axis));
  }
  header.grid = Grid(std::move(axes));
  header.samples = shape[0];
  Field const vector{.name = "velocity", .components = {"x", "y"}, .order = 1};
  header.fields = FieldSet({vector, {.name = "particles"}});
  header.field_arrays = {{with_components(plain_array("velocity", 2, Frames::yes), 2)},
                         {with_components(plain_array("particles", 2, Frames::yes), 1)}};
  if (file.has_data_set("force")) {
    header.constants = FieldSet({{.name = "force", .components = {"x", "y"}, .order = 1}});
    header.constant_arrays = {{with_components(plain_array("force", 2, Frames::no), 2)}};
  }
  auto frames = shape[1];
  if (file.has_attribute("latestIndex")) {
    auto const latest = file.read_integer("latestIndex");
    require(latest >= 0,
            "attribute 'latestIndex' of ",
            file.place().describe(),
            " is ",
            latest,
            ": the run has no frame");
    if (latest + 1 < frames) {
      header.remarks.push_back(
          concat("the run broke off: frames after ", latest, " of ", frames, " are left out"));
    }
    frames = std::min(frames, latest + 1);
  }
  auto const t = file.open_data_set("t");
  require(t.shape() == (std::vector<int64_t>{shape[0], shape[1]}),
          t.place().describe(),
          " has shape (",
          t.shape(),
          ") where (",
          shape[0],
          ", ",
          shape[1],
          ") is expected");
  auto const times = t.read_numbers();
  auto const parameters = file.has_attribute("config") ? yaml_numbers(file.read_text("config"))
                                                       : std::map<std::string, double>{};
  for (int64_t i = 0; i < header.samples; ++i) {
    auto const first = times.begin() + i * shape[1];
    header.trajectories.push_back({"", i, {first, first + frames}, parameters});
  }
}

/// Names of the channels of a seed group's array.
std::vector<Field> group_fields(Hdf5File const& file, int64_t channels) {
  if (channels == 1) {
    return {{.name = name_holds(file, "rdb") ? "h" : "u"}};
  }
  if (channels == 2) {
    return {{.name = "u"}, {.name = "v"}};
  }
  std::vector<Field> fields;
  for (int64_t i = 0; i < channels; ++i) {
    fields.push_back({.name = concat("u", i)});
  }
  return fields;
}

bool is_seed(std::string const& name) {
  return name.size() == 4 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isdigit(c) != 0;
         });
}

/// Axes of a seed group: as the shape says where x and y differ in length, else as the equation
/// does.
std::vector<std::string> axis_order(Hdf5File const& file,
                                    Hdf5Group const& grid,
                                    std::vector<int64_t> const& shape) {
  if (shape.size() == 3) {
    return {"x"};
  }
  auto const nx = grid.open_data_set("x").elements();
  auto const ny = grid.open_data_set("y").elements();
  require((shape[1] == nx && shape[2] == ny) || (shape[1] == ny && shape[2] == nx),
          "'",
          file.place().file,
          "' holds arrays of (",
          shape,
          ") for ",
          nx,
          " x and ",
          ny,
          " y coordinates");
  bool const y_first = nx != ny ? shape[1] == ny : name_holds(file, "diff-react");
  return y_first ? std::vector<std::string>{"y", "x"} : std::vector<std::string>{"x", "y"};
}

/// One group a seed with data (T, space…, C), grid and the run's configuration.
void read_groups(Hdf5File const& file, PdebenchHeader& header) {
  header.layout = PdebenchLayout::groups;
  auto seeds = file.groups();
  std::erase_if(seeds, [](std::string const& name) { return !is_seed(name); });
  auto const first = file.open_group(seeds.front());
  auto const data = first.open_data_set("data");
  auto const& shape = data.shape();
  require(shape.size() == 3 || shape.size() == 4,
          data.place().describe(),
          " has shape (",
          shape,
          ") where (frames, x, components) or (frames, x, y, components) is expected");
  auto const grid = first.open_group("grid");
  auto const names = axis_order(file, grid, shape);
  auto const boundaries = boundary_of(file, header.remarks);
  std::vector<Axis> axes;
  for (auto const& name : names) {
    axes.push_back({.name = name, .coordinates = read_list(grid, name), .boundaries = boundaries});
  }
  header.grid = Grid(std::move(axes));
  auto const channels = shape.back();
  header.fields = FieldSet(group_fields(file, channels));
  for (int64_t c = 0; c < channels; ++c) {
    StoredArray array{.data_set = "data", .axes = {{.role = Role::time}}};
    for (size_t i = 0; i < names.size(); ++i) {
      array.axes.push_back(space_axis(static_cast<int>(i), static_cast<int>(names.size())));
    }
    array.axes.push_back({.role = Role::component, .first = c, .count = 1, .total = channels});
    header.field_arrays.push_back({std::move(array)});
  }
  auto const times = first_times(read_list(grid, "t"), shape[0], grid);
  for (auto const& seed : seeds) {
    auto const group = file.open_group(seed);
    auto const parameters = group.has_attribute("config") ? yaml_numbers(group.read_text("config"))
                                                          : std::map<std::string, double>{};
    header.trajectories.push_back({seed, 0, times, parameters});
  }
}

void collect_numbers(YAML::Node const& node, std::map<std::string, double>& numbers) {
  for (auto const& entry : node) {
    double value = 0;
    if (entry.second.IsMap()) {
      collect_numbers(entry.second, numbers);
    } else if (entry.second.IsScalar() && YAML::convert<double>::decode(entry.second, value)) {
      numbers[entry.first.as<std::string>()] = value;
    }
  }
}

}  // namespace

std::map<std::string, double> yaml_numbers(std::string const& text) {
  std::map<std::string, double> numbers;
  require(text.size() <= kLongestConfig, "a configuration of ", text.size(), " bytes is too long");
  try {
    auto const root = YAML::Load(text);
    if (root.IsMap()) {
      collect_numbers(root, numbers);
    }
  } catch (YAML::Exception const& problem) {
    throw Error(concat("attribute 'config' is not YAML: ", problem.what()));
  }
  return numbers;
}

bool looks_like_pdebench(Hdf5Group const& root) {
  if (root.has_data_set("tensor") && root.has_data_set("x-coordinate")) {
    return true;
  }
  if (root.has_data_set("density") && root.has_data_set("pressure") &&
      root.has_data_set("x-coordinate")) {
    return true;
  }
  if (root.has_data_set("velocity") && root.has_data_set("particles") && root.has_data_set("t")) {
    return true;
  }
  auto const groups = root.groups();
  auto const seed = std::find_if(groups.begin(), groups.end(), is_seed);
  return seed != groups.end() && root.has_data_set(*seed + "/data") &&
         root.has_group(*seed + "/grid");
}

PdebenchHeader read_pdebench_header(Hdf5File const& file) {
  require(looks_like_pdebench(file),
          "'",
          file.place().file,
          "' is not in PDEBench's layout: neither 'tensor', 'density' and 'pressure' with "
          "'x-coordinate', nor 'velocity', "
          "'particles' and 't', nor groups '0000' with 'data' and 'grid' are there");
  PdebenchHeader header;
  if (file.has_data_set("tensor")) {
    read_tensor(file, header);
  } else if (file.has_data_set("density")) {
    read_compressible(file, header);
  } else if (file.has_data_set("velocity")) {
    read_incompressible(file, header);
  } else {
    read_groups(file, header);
  }
  return header;
}

}  // namespace eddyline
