#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/config.hpp"
#include "data/field/field_set.hpp"
#include "data/field/grid.hpp"

namespace eddyline {

/// What one file of many holds.
enum class FileHolds { trajectories, frame };

template <>
struct EnumNames<FileHolds> {
  static constexpr auto names = std::to_array<std::pair<FileHolds, char const*>>(
      {{FileHolds::trajectories, "trajectories"}, {FileHolds::frame, "frame"}});
};

/// One array (or part of one) that is a field.
struct ArrayFieldMap {
  std::string name;
  std::string data;
  std::vector<std::string> axes;
  std::vector<std::string> components;
  std::optional<int64_t> index;
  std::string units;
  double scale = 1;
  double offset = 0;
  std::optional<double> missing;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("name", name, "name of the field");
    v("data",
      data,
      "HDF5 data set, * for every group (\"/*/u\"), or npy file, * for many (\"u_*.npy\")");
    v("axes", axes, "order of its axes where it differs from the map's");
    v("components", components, "names along the axis `component`; axes' names make a vector");
    v("index", index, "take this one along the axis `component`, counted from 0");
    v("units", units, "units of the values");
    v("scale", scale, "values are stored * scale + offset");
    v("offset", offset, "values are stored * scale + offset");
    v("missing", missing, "stored number that means: no value");
  }
};

struct ArrayTimeMap {
  std::string data;
  std::string unit;
  double start = 0;
  double step = 1;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("data", data, "array of times; without it they are start + step * frame");
    v("unit", unit, "unit of time: s, h, d, …");
    v("start", start, "time of the first frame");
    v("step", step, "time between frames");
  }
};

struct ArrayAxisMap {
  std::string data;
  std::optional<double> start, step, stop;
  std::string units;
  std::vector<std::string> boundaries;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("data", data, "array of the cells' centres (or edges, one more)");
    v("start", start, "first centre, where there is no array");
    v("step", step, "distance of centres");
    v("stop", stop, "last centre, instead of step");
    v("units", units, "units of the coordinate");
    v("boundaries", boundaries, "periodic, wall or open: one for both ends or [low, high]");
  }
};

/// How arrays of the user's own become a data set: `data.map` of the formats hdf5 and npy.
struct ArrayMap {
  std::string name;
  std::string files;
  FileHolds file_holds = FileHolds::trajectories;
  std::vector<std::string> axes;
  std::vector<ArrayFieldMap> fields, constants;
  ArrayTimeMap time;
  std::map<std::string, ArrayAxisMap> coordinates;
  std::string geometry = "cartesian";
  std::map<std::string, std::array<int64_t, 2>> splits;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("name", name, "name of the data set");
    v("files", files, "pattern of files below data.path, such as \"run_*/*.h5\", sorted by name");
    v("file_holds", file_holds, "what one file holds: one or more trajectories, or one frame");
    v("axes",
      axes,
      "order of the arrays' axes in the file: sample, time, component, and up to 3 names of space");
    v("fields", fields, "arrays that change in time");
    v("constants", constants, "arrays that do not");
    v("time", time, "when the frames are");
    v("coordinates", coordinates, "where the cells are, for each axis of space");
    v("geometry", geometry, "cartesian, lat_lon or spherical");
    v("splits", splits, "trajectories [first, end) of train, valid and test");
  }
};

/// Where the axes of one array are. -1: it has none.
struct ArrayAxes {
  std::vector<std::string> names;
  int sample = -1;
  int time = -1;
  int component = -1;
  std::vector<int> space;  ///< position in the array of the map's axes of space, in the map's order
};

/// Reads and checks a map.
/// \throw Error  naming the key, what it holds and what is allowed
ArrayMap parse_array_map(std::string const& yaml, std::string const& where);

/// The names among `axes` that are space: neither sample, time nor component.
std::vector<std::string> space_axes(std::vector<std::string> const& axes);

/// The axes of an entry's array of `rank`: its own, else the map's without `component` where it
/// names no components; constants lack `time`, and arrays of one dimension less lack `sample`.
enum class Varies { yes, no };
ArrayAxes axes_of(ArrayMap const& map, ArrayFieldMap const& entry, Varies in_time, int64_t rank);

/// The fields that an entry makes: one scalar; a vector or tensor if its components are named by
/// the axes of space; else a scalar for each component, `name_component`.
std::vector<Field> fields_of(ArrayMap const& map, ArrayFieldMap const& entry);

/// An axis from its map. \param given  the array that `data` names, empty if none
Axis make_axis(std::string const& name,
               ArrayAxisMap const& entry,
               int64_t size,
               std::vector<double> const& given);

/// Names of all arrays that a map asks for: fields, constants, times, coordinates.
std::vector<std::string> array_names(ArrayMap const& map);

}  // namespace eddyline
