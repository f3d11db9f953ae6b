#include "data/formats/cf_writer.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include <ATen/ATen.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/version.hpp"
#include "data/formats/cf_time_axis.hpp"
#include "data/formats/netcdf_output.hpp"
#include "data/formats/weather_variables.hpp"

namespace eddyline {
namespace {

constexpr auto kFile = NetcdfOutput::kWholeFile;

/// ERA5's "m**2 s**-2" is CF's "m2 s-2".
std::string cf_units(std::string units) {
  for (auto at = units.find("**"); at != std::string::npos; at = units.find("**")) {
    units.erase(at, 2);
  }
  return units;
}

int64_t thickness_of_slabs(DatasetSpec const& data, int64_t bytes) {
  auto const channels = std::max(data.fields.channels(), data.constants.channels());
  auto const cells = data.grid.axis(3 - data.grid.dimensions()).size();
  auto const layer = data.grid.cells() / cells * channels * int64_t{sizeof(float)};
  return std::clamp<int64_t>(bytes / layer, 1, cells);
}

class CfWriter {
 public:
  CfWriter(Reader& reader, std::filesystem::path const& path, CfDescription const& description)
      : reader_(reader),
        data_(reader.spec()),
        clock_(data_),
        times_(cf_times(data_, clock_)),
        layout_(time_layout(data_, times_)),
        leads_(description.lead_times == CfLeadTimes::from_first_frame ||
               layout_ == TimeLayout::initial_times),
        thickness_(thickness_of_slabs(data_, description.slab_bytes)),
        out_(path) {
    out_.describe(kFile, "Conventions", "CF-1.11");
    out_.describe(kFile, "title", description.title);
    out_.describe(kFile, "source", description.source);
    out_.describe(kFile, "history", "written by eddyline " + version().number);
  }

  void write() {
    auto const series = define_time();
    define_space();
    auto const fields = define_fields(series);
    auto const constants = define_constants(series);
    for (auto const& [variable, values] : coordinates_) {
      out_.put(variable, values);
    }
    write_constants(constants);
    write_fields(fields);
    out_.close();
  }

 private:
  /// A name that netCDF allows (no slash) and that is not taken.
  std::string free_name(std::string name) {
    std::replace(name.begin(), name.end(), '/', '_');
    while (!taken_.insert(name).second) {
      name += '_';
    }
    return name;
  }

  /// A coordinate whose values are written when all is defined.
  int add_coordinate(std::string const& name,
                     std::vector<int> const& dimensions,
                     std::vector<double> values) {
    auto const variable = out_.add_doubles(name, dimensions);
    coordinates_.emplace_back(variable, std::move(values));
    return variable;
  }

  void describe_time(int variable, std::string const& standard_name) {
    out_.describe(variable, "standard_name", standard_name);
    if (!clock_.units().empty()) {
      out_.describe(variable, "units", clock_.units());
    }
    if (clock_.has_dates()) {
      out_.describe(variable, "calendar", clock_.calendar());
    }
  }

  void describe_lead(int variable) {
    out_.describe(variable, "standard_name", "forecast_period");
    out_.describe(variable, "long_name", "time since the forecast began");
    if (!clock_.unit().empty()) {
      out_.describe(variable, "units", clock_.unit());
    }
  }

  /// \return  the dimensions that come before space
  std::vector<int> define_time() {
    auto const& first = times_.times.front();
    auto const frames = static_cast<int64_t>(first.size());
    auto const count = static_cast<int64_t>(times_.times.size());
    if (layout_ == TimeLayout::initial_times) {
      return define_initial_times(count, frames);
    }
    std::vector<int> dimensions;
    if (layout_ == TimeLayout::realizations) {
      dimensions.push_back(out_.add_dimension("realization", count));
      auto const numbers = out_.add_integers("realization", {dimensions[0]});
      out_.describe(numbers, "standard_name", "realization");
      out_.describe(numbers, "units", "1");
      std::vector<double> values(static_cast<size_t>(count));
      std::iota(values.begin(), values.end(), 0);
      coordinates_.emplace_back(numbers, std::move(values));
    }
    auto const time = out_.add_dimension("time", frames);
    dimensions.push_back(time);
    auto const variable = add_coordinate("time", {time}, first);
    describe_time(variable, "time");
    out_.describe(variable, "axis", "T");
    if (leads_) {
      describe_lead(add_coordinate("lead_time", {time}, times_.leads.front()));
      describe_time(add_coordinate("forecast_reference_time", {}, {first.front()}),
                    "forecast_reference_time");
      beside_ = "lead_time forecast_reference_time";
    }
    return dimensions;
  }

  std::vector<int> define_initial_times(int64_t count, int64_t frames) {
    auto const initial = out_.add_dimension("initial_time", count);
    auto const lead = out_.add_dimension("lead_time", frames);
    std::vector<double> starts;
    std::vector<double> all;
    for (auto const& times : times_.times) {
      starts.push_back(times.front());
      all.insert(all.end(), times.begin(), times.end());
    }
    describe_time(add_coordinate("initial_time", {initial}, starts), "forecast_reference_time");
    describe_lead(add_coordinate("lead_time", {lead}, times_.leads.front()));
    describe_time(add_coordinate("time", {initial, lead}, all), "time");
    beside_ = "time";
    return {initial, lead};
  }

  void define_space() {
    for (int i = 3 - data_.grid.dimensions(); i < 3; ++i) {
      auto const& axis = data_.grid.axis(i);
      auto const name = free_name(axis.name);
      auto const dimension = out_.add_dimension(name, axis.size());
      space_.push_back(dimension);
      auto const variable = add_coordinate(name, {dimension}, axis.coordinates);
      bool const is_place = name == "latitude" || name == "longitude";
      if (data_.grid.geometry() == Geometry::lat_lon && is_place) {
        out_.describe(variable, "standard_name", name);
        out_.describe(variable, "axis", name == "latitude" ? "Y" : "X");
      } else if (name == "x" || name == "y" || name == "z") {
        out_.describe(variable, "axis", std::string(1, static_cast<char>(name[0] - 'x' + 'X')));
      }
      if (!axis.units.empty()) {
        out_.describe(variable, "units", axis.units);
      }
      if (!axis.edges.empty()) {
        define_bounds(axis, name, dimension, variable);
      }
    }
  }

  void define_bounds(Axis const& axis, std::string const& name, int dimension, int coordinate) {
    if (pair_ < 0) {
      pair_ = out_.add_dimension("bnds", 2);
    }
    std::vector<double> values;
    for (size_t i = 0; i + 1 < axis.edges.size(); ++i) {
      values.insert(values.end(), {axis.edges[i], axis.edges[i + 1]});
    }
    out_.describe(coordinate, "bounds", name + "_bnds");
    add_coordinate(name + "_bnds", {dimension, pair_}, std::move(values));
  }

  /// A variable of each channel; the dimensions `before` space have pieces of one.
  std::vector<int> define_channels(FieldSet const& fields, std::vector<int> const& before) {
    std::vector<int> dimensions = before;
    dimensions.insert(dimensions.end(), space_.begin(), space_.end());
    std::vector<size_t> chunk(before.size(), 1);
    for (int i = 3 - data_.grid.dimensions(); i < 3; ++i) {
      chunk.push_back(static_cast<size_t>(data_.grid.axis(i).size()));
    }
    chunk[before.size()] = static_cast<size_t>(thickness_);
    std::vector<int> variables;
    auto const names = fields.channel_names();
    auto const units = fields.channel_units();
    for (size_t c = 0; c < names.size(); ++c) {
      variables.push_back(out_.add_floats(free_name(names[c]), dimensions, chunk));
      describe_field(variables.back(), names[c], cf_units(units[c]));
    }
    return variables;
  }

  void describe_field(int variable, std::string const& name, std::string const& units) {
    auto const* known =
        data_.grid.geometry() == Geometry::lat_lon ? find_weather_variable(name) : nullptr;
    // A "t" with other units than a temperature's is something else.
    bool const is_known = known != nullptr && (units == known->units ||
                                               (units.empty() && name == long_variable_name(name)));
    if (!units.empty() || is_known) {
      out_.describe(variable, "units", is_known ? known->units : units);
    }
    if (!is_known) {
      return;
    }
    auto const level = level_of_name(long_variable_name(name));
    out_.describe(variable,
                  "long_name",
                  level.empty() ? known->long_name : known->long_name + " at " + level + " hPa");
    if (!known->standard_name.empty()) {
      out_.describe(variable, "standard_name", known->standard_name);
    }
  }

  std::vector<int> define_fields(std::vector<int> const& series) {
    auto const variables = define_channels(data_.fields, series);
    for (auto const variable : variables) {
      if (!beside_.empty()) {
        out_.describe(variable, "coordinates", beside_);
      }
    }
    return variables;
  }

  /// Calls `use` with boxes that make the grid, one after another.
  template <class Use>
  void for_each_slab(Use use) const {
    auto const axis = static_cast<size_t>(3 - data_.grid.dimensions());
    Box slab{.size = data_.grid.shape()};
    auto const cells = slab.size[axis];
    for (; slab.first[axis] < cells; slab.first[axis] += thickness_) {
      slab.size[axis] = std::min(thickness_, cells - slab.first[axis]);
      use(slab);
    }
  }

  /// Constants that differ from trajectory to trajectory have the trajectories' dimension.
  std::vector<int> define_constants(std::vector<int> const& series) {
    if (data_.constants.empty()) {
      return {};
    }
    for_each_slab([&](Box const& slab) {
      auto const first = reader_.read_constants(0, slab);
      for (int64_t i = 1; i < static_cast<int64_t>(data_.trajectories.size()); ++i) {
        differ_ = differ_ || !at::equal(first, reader_.read_constants(i, slab));
      }
    });
    return define_channels(data_.constants,
                           differ_ ? std::vector<int>{series.front()} : std::vector<int>{});
  }

  /// A slab of each variable, at `before`.
  void put_slab(std::vector<int> const& variables,
                std::vector<size_t> const& before,
                Box const& slab,
                at::Tensor const& values) {
    auto start = before;
    std::vector<size_t> count(before.size(), 1);
    for (int i = 3 - data_.grid.dimensions(); i < 3; ++i) {
      start.push_back(static_cast<size_t>(slab.first[static_cast<size_t>(i)]));
      count.push_back(static_cast<size_t>(slab.size[static_cast<size_t>(i)]));
    }
    auto const plain = values.contiguous();
    for (size_t c = 0; c < variables.size(); ++c) {
      out_.put(variables[c],
               start,
               count,
               plain.select(0, static_cast<int64_t>(c)).const_data_ptr<float>());
    }
  }

  void write_constants(std::vector<int> const& variables) {
    auto const count = differ_ ? static_cast<int64_t>(data_.trajectories.size()) : 1;
    for (int64_t i = 0; !variables.empty() && i < count; ++i) {
      auto const before =
          differ_ ? std::vector<size_t>{static_cast<size_t>(i)} : std::vector<size_t>{};
      for_each_slab([&](Box const& slab) {
        put_slab(variables, before, slab, reader_.read_constants(i, slab));
      });
    }
  }

  void write_fields(std::vector<int> const& variables) {
    for (size_t b = 0; b < times_.times.size(); ++b) {
      for (size_t t = 0; t < times_.times[b].size(); ++t) {
        auto const before =
            layout_ == TimeLayout::one ? std::vector<size_t>{t} : std::vector<size_t>{b, t};
        for_each_slab([&](Box const& slab) {
          auto const& size = slab.size;
          auto const values =
              at::empty({1, data_.fields.channels(), size[0], size[1], size[2]}, at::kFloat);
          reader_.read({.trajectory = static_cast<int64_t>(b), .first = static_cast<int64_t>(t)},
                       slab,
                       values);
          put_slab(variables, before, slab, values[0]);
        });
      }
    }
  }

  Reader& reader_;
  DatasetSpec const& data_;
  CfClock clock_;
  CfTimes times_;
  TimeLayout layout_;
  bool leads_;
  int64_t thickness_;  ///< cells of a slab along the first axis
  NetcdfOutput out_;
  std::vector<int> space_;  ///< dimensions
  int pair_ = -1;           ///< dimension of bounds
  std::string beside_;      ///< auxiliary coordinates of the fields
  bool differ_ = false;     ///< constants from trajectory to trajectory
  std::set<std::string> taken_ = {"time",
                                  "lead_time",
                                  "initial_time",
                                  "forecast_reference_time",
                                  "realization",
                                  "bnds",
                                  "latitude_bnds",
                                  "longitude_bnds"};
  std::vector<std::pair<int, std::vector<double>>> coordinates_;
};

}  // namespace

void write_cf_netcdf(Reader& reader,
                     std::filesystem::path const& path,
                     CfDescription const& description) {
  with_context(
      [&] {
        AtomicFile whole(path);
        CfWriter(reader, whole.temporary(), description).write();
        whole.commit();
      },
      "writing '",
      path.string(),
      "'");
}

}  // namespace eddyline
