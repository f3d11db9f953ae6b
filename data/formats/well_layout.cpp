#include "data/formats/well_layout.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr int64_t kLargestChunk = int64_t{8} << 20;

/// What all sub-writers need.
struct Scene {
  Hdf5File const& file;
  WellFileSpec const& spec;
  Communicator const& ranks;

  int dimensions() const { return spec.state->grid.dimensions(); }
  Axis const& axis(int i) const { return spec.state->grid.axis(3 - dimensions() + i); }
};

at::Tensor float_list(std::vector<double> const& values) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble).to(at::kFloat);
}

/// Small values that all ranks hold: one of them writes.
Hdf5DataSet write_shared(Scene const& scene,
                         Hdf5Group const& group,
                         std::string const& name,
                         at::Tensor const& values) {
  auto data =
      group.create_data_set(name, {.shape = values.sizes().vec(), .type = values.scalar_type()});
  if (scene.ranks.is_root()) {
    data.write_all(values);
  }
  return data;
}

void write_root(Scene const& scene) {
  auto const& spec = scene.spec;
  auto const geometry = spec.state->grid.geometry();
  scene.file.write_text("dataset_name", spec.dataset_name);
  scene.file.write_text("grid_type",
                        geometry == Geometry::cartesian ? "cartesian"
                        : scene.dimensions() == 2       ? "equiangular"
                                                        : "spherical");
  scene.file.write_integer("n_spatial_dims", scene.dimensions());
  scene.file.write_integer("n_trajectories", spec.trajectories);
  std::vector<std::string> names;
  for (auto const& [name, value] : spec.parameters) {
    names.push_back(name);
    scene.file.write_number(name, value);
  }
  scene.file.write_texts("simulation_parameters", names);
}

void write_dimensions(Scene const& scene) {
  auto const group = scene.file.create_group("dimensions");
  std::vector<std::string> names;
  for (int i = 0; i < scene.dimensions(); ++i) {
    auto const& axis = scene.axis(i);
    names.push_back(axis.name);
    auto const data = write_shared(scene, group, axis.name, float_list(axis.coordinates));
    data.write_flag("sample_varying", Flag::no);
    data.write_flag("time_varying", Flag::no);
    if (!axis.units.empty()) {
      data.write_text("units", axis.units);
    }
  }
  group.write_texts("spatial_dims", names);
  auto const time = write_shared(scene, group, "time", float_list(scene.spec.times));
  time.write_flag("sample_varying", Flag::no);
  time.write_flag("time_varying", Flag::yes);
  if (!scene.spec.state->time_unit.empty()) {
    time.write_text("units", scene.spec.state->time_unit);
  }
}

void write_condition(Scene const& scene,
                     Hdf5Group const& conditions,
                     Axis const& axis,
                     std::array<bool, 2> ends) {
  auto const kind = axis.boundaries[ends[0] ? 0 : 1];
  auto const* const end = ends[0] && ends[1] ? "" : ends[0] ? "0" : "L";
  auto type = to_string(kind);
  auto const group = conditions.create_group(axis.name + end + "_" + type);
  std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) {
    return static_cast<char>(std::toupper(c));
  });
  group.write_texts("associated_dims", {axis.name});
  group.write_texts("associated_fields", {});
  group.write_text("bc_type", type);
  group.write_flag("sample_varying", Flag::no);
  group.write_flag("time_varying", Flag::no);
  auto mask = at::zeros({axis.size()}, at::kBool);
  if (ends[0]) {
    mask[0] = true;
  }
  if (ends[1]) {
    mask[-1] = true;
  }
  write_shared(scene, group, "mask", mask);
}

void write_boundaries(Scene const& scene) {
  auto const conditions = scene.file.create_group("boundary_conditions");
  for (int i = 0; i < scene.dimensions(); ++i) {
    auto const& axis = scene.axis(i);
    if (axis.boundaries[0] == axis.boundaries[1]) {
      write_condition(scene, conditions, axis, {true, true});
    } else {
      write_condition(scene, conditions, axis, {true, false});
      write_condition(scene, conditions, axis, {false, true});
    }
  }
}

void write_scalars(Scene const& scene) {
  auto const group = scene.file.create_group("scalars");
  std::vector<std::string> names;
  auto const add = [&](std::string const& name, at::Tensor const& values, Flag varies) {
    names.push_back(name);
    auto const data = write_shared(scene, group, name, values);
    data.write_flag("sample_varying", varies);
    data.write_flag("time_varying", Flag::no);
  };
  for (auto const& [name, value] : scene.spec.parameters) {
    add(name, at::scalar_tensor(value, at::kFloat), Flag::no);
  }
  for (auto const& [name, values] : scene.spec.per_trajectory) {
    add(name, float_list(values), Flag::yes);
  }
  group.write_texts("field_names", names);
}

/// Creates the data set of a field; `leading` axes (samples and frames) come first.
Hdf5DataSet create_field(Scene const& scene,
                         Hdf5Group const& group,
                         Field const& field,
                         std::vector<int64_t> const& leading) {
  auto shape = leading;
  for (int i = 0; i < scene.dimensions(); ++i) {
    shape.push_back(scene.axis(i).size());
  }
  shape.insert(shape.end(), static_cast<size_t>(field.order), scene.dimensions());
  auto chunk = leading.empty() ? std::vector<int64_t>{}
                               : well_chunk(shape, static_cast<int64_t>(leading.size()));
  auto data = group.create_data_set(
      field.name,
      {.shape = shape, .chunk = std::move(chunk), .gzip = leading.empty() ? 0 : scene.spec.gzip});
  auto const varies = leading.empty() ? Flag::no : Flag::yes;
  data.write_flags("dim_varying",
                   std::vector<Flag>(static_cast<size_t>(scene.dimensions()), Flag::yes));
  data.write_flag("sample_varying", varies);
  data.write_flag("time_varying", varies);
  if (field.order == 2) {
    data.write_flag("symmetric", Flag::no);
    data.write_flag("antisymmetric", Flag::no);
  }
  if (!field.units.empty()) {
    data.write_text("units", field.units);
  }
  return data;
}

}  // namespace

std::vector<WellField> well_fields(FieldSet const& fields, int dimensions) {
  std::vector<WellField> result;
  int64_t channel = 0;
  for (auto const& field : fields.fields()) {
    int64_t const wanted = field.order == 0   ? 1
                           : field.order == 1 ? dimensions
                                              : dimensions * dimensions;
    if (field.count() == wanted) {
      result.push_back({field, channel});
    } else {
      for (int64_t k = 0; k < field.count(); ++k) {
        auto const name = field.name + "_" + field.components[static_cast<size_t>(k)];
        result.push_back({{.name = name, .units = field.units}, channel + k});
      }
    }
    channel += field.count();
  }
  return result;
}

std::vector<int64_t> well_chunk(std::vector<int64_t> shape, int64_t leading) {
  std::fill(shape.begin(), shape.begin() + leading, 1);
  auto const bytes = [&] {
    int64_t product = 4;
    for (auto const n : shape) {
      product *= n;
    }
    return product;
  };
  while (bytes() > kLargestChunk) {
    auto const first_long =
        std::find_if(shape.begin(), shape.end(), [](int64_t n) { return n > 1; });
    *first_long = (*first_long + 1) / 2;
  }
  return shape;
}

std::vector<WellTarget> write_well_layout(Hdf5File const& file,
                                          WellFileSpec const& spec,
                                          Communicator const& ranks,
                                          std::vector<WellTarget>& constants) {
  Scene const scene{file, spec, ranks};
  write_root(scene);
  write_dimensions(scene);
  write_boundaries(scene);
  write_scalars(scene);
  std::vector<WellTarget> targets;
  auto const changing = well_fields(spec.state->fields, scene.dimensions());
  auto const constant = well_fields(spec.constants, scene.dimensions());
  for (int order = 0; order < 3; ++order) {
    auto const group = file.create_group(concat("t", order, "_fields"));
    std::vector<std::string> names;
    auto const add = [&](WellField const& one,
                         std::vector<int64_t> const& leading,
                         std::vector<WellTarget>& list) {
      if (one.field.order == order) {
        names.push_back(one.field.name);
        list.push_back(
            {create_field(scene, group, one.field, leading), one.field, one.first_channel});
      }
    };
    for (auto const& one : changing) {
      add(one, {spec.trajectories, static_cast<int64_t>(spec.times.size())}, targets);
    }
    for (auto const& one : constant) {
      add(one, {}, constants);
    }
    group.write_texts("field_names", names);
  }
  return targets;
}

}  // namespace eddyline
