#include "data/sinks/xdmf.hpp"

#include <fmt/format.h>

namespace eddyline {
namespace {

std::string escaped(std::string const& text) {
  std::string out;
  for (auto const c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string heavy(std::string const& dimensions, int precision, std::string const& where) {
  return fmt::format(
      R"(<DataItem Dimensions="{}" NumberType="Float" Precision="{}" Format="HDF">{}</DataItem>)",
      dimensions,
      precision,
      escaped(where));
}

std::string uniform_geometry(Scene const& scene, std::string const& dimensions) {
  auto const origin = scene.origin();
  auto const spacing = scene.spacing();
  auto const item = [](std::array<double, 3> const& zyx) {
    return fmt::format(
        R"(<DataItem Dimensions="3" NumberType="Float" Precision="8" Format="XML">{} {} {}</DataItem>)",
        zyx[0],
        zyx[1],
        zyx[2]);
  };
  return fmt::format(
      "        <Topology TopologyType=\"3DCoRectMesh\" Dimensions=\"{}\"/>\n"
      "        <Geometry GeometryType=\"ORIGIN_DXDYDZ\">{}{}</Geometry>\n",
      dimensions,
      item(origin),
      item(spacing));
}

std::string rectilinear_geometry(Scene const& scene,
                                 std::string const& dimensions,
                                 std::string const& file) {
  std::string items;
  for (int slot = 2; slot >= 0; --slot) {
    items += heavy(std::to_string(scene.shape()[static_cast<size_t>(slot)]),
                   8,
                   file + ":/grid/" + "zyx"[slot]);
  }
  return fmt::format(
      "        <Topology TopologyType=\"3DRectMesh\" Dimensions=\"{}\"/>\n"
      "        <Geometry GeometryType=\"VXVYVZ\">{}</Geometry>\n",
      dimensions,
      items);
}

std::string attribute(SceneField const& field,
                      XdmfFrame const& frame,
                      std::string const& dimensions) {
  auto const where = frame.file + ":" + step_group(frame.step) + "/" + field.name;
  auto const units = field.units.empty() ? ""
                                         : fmt::format(R"(<Information Name="units" Value="{}"/>)",
                                                       escaped(field.units));
  return fmt::format(
      "        <Attribute Name=\"{}\" AttributeType=\"{}\" Center=\"Node\">{}{}</Attribute>\n",
      escaped(field.name),
      field.is_vector() ? "Vector" : "Scalar",
      units,
      heavy(field.is_vector() ? dimensions + " 3" : dimensions,
            frame.type == at::kDouble ? 8 : 4,
            where));
}

/// ParaView 5.11 shows neither <Information> nor text, but the names of arrays.
std::string units_attribute(Scene const& scene, std::string const& time_unit) {
  std::string units;
  auto const add = [&](std::string const& name, std::string const& unit) {
    if (!unit.empty()) {
      units += fmt::format("{}{} [{}]", units.empty() ? "units: " : ", ", name, unit);
    }
  };
  for (auto const& field : scene.fields()) {
    add(field.name, field.units);
  }
  add("time", time_unit);
  return units.empty() ? ""
                       : fmt::format(
                             "        <Attribute Name=\"{}\" Center=\"Grid\">"
                             "<DataItem Dimensions=\"1\" Format=\"XML\">1</DataItem></Attribute>\n",
                             escaped(units));
}

}  // namespace

std::string step_group(int64_t step) {
  return fmt::format("/step-{:08d}", step);
}

std::string const kXdmfTail = "    </Grid>\n  </Domain>\n</Xdmf>\n";

std::string xdmf_head(RolloutDescription const& description) {
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Xdmf Version=\"3.0\">\n  <Domain>\n";
  text += fmt::format("    <Information Name=\"made by\" Value=\"{}\"/>\n",
                      escaped(description.made_by));
  text += fmt::format("    <Information Name=\"time unit\" Value=\"{}\"/>\n",
                      escaped(description.time_unit));
  return text +
         fmt::format("    <Grid Name=\"{}\" GridType=\"Collection\" CollectionType=\"Temporal\">\n",
                     escaped(description.name.empty() ? "rollout" : description.name));
}

std::string xdmf_frames(RolloutDescription const& description,
                        std::vector<XdmfFrame> const& frames,
                        std::string const& coordinates_file) {
  Scene const scene(description.fields, description.grid);
  auto const [nz, ny, nx] = scene.shape();
  auto const dimensions = fmt::format("{} {} {}", nz, ny, nx);
  auto const geometry = scene.is_uniform()
                            ? uniform_geometry(scene, dimensions)
                            : rectilinear_geometry(scene, dimensions, coordinates_file);
  auto const units = units_attribute(scene, description.time_unit);
  std::string text;
  for (auto const& frame : frames) {
    text += fmt::format(
        "      <Grid Name=\"step {}\" GridType=\"Uniform\">\n        <Time Value=\"{:.17g}\"/>\n",
        frame.step,
        frame.time);
    text += geometry;
    for (auto const& field : scene.fields()) {
      text += attribute(field, frame, dimensions);
    }
    text += units;
    text += "      </Grid>\n";
  }
  return text;
}

}  // namespace eddyline
