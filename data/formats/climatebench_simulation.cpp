#include "data/formats/climatebench_simulation.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.hpp"
#include "data/formats/cf_grid.hpp"
#include "data/formats/cf_time.hpp"
#include "data/formats/same_grid.hpp"

namespace eddyline {
namespace {

namespace fs = std::filesystem;

constexpr double kSecondsOfDay = 86400;  // kg m-2 s-1 of water are as many mm a day
constexpr char const* kInputs = "inputs_";
constexpr char const* kOutputs = "outputs_";

/// Its dimensions by role; `variable` is null if it has others or no time.
ClimatebenchVariable classified(NetcdfVariable const& variable,
                                std::vector<CfDimension> const& dimensions) {
  ClimatebenchVariable found{.variable = &variable};
  for (int i = 0; i < variable.rank(); ++i) {
    auto const& dimension =
        dimensions[static_cast<size_t>(variable.dimensions[static_cast<size_t>(i)])];
    switch (dimension.role) {
      case CfRole::time:
        found.time = i;
        break;
      case CfRole::member:
        found.member = i;
        found.members = dimension.size;
        break;
      case CfRole::latitude:
        found.latitude = i;
        break;
      case CfRole::longitude:
        found.longitude = i;
        break;
      default:
        found.variable = dimension.size == 1 ? found.variable : nullptr;
    }
  }
  bool const has_plane = found.latitude >= 0 && found.longitude >= 0;
  bool const has_none = found.latitude < 0 && found.longitude < 0;
  found.variable = found.time >= 0 && (has_plane || has_none) ? found.variable : nullptr;
  return found;
}

CfDimension const* dimension_of(std::vector<CfDimension> const& dimensions, CfRole role) {
  auto const found = std::find_if(
      dimensions.begin(), dimensions.end(), [&](auto const& one) { return one.role == role; });
  return found == dimensions.end() ? nullptr : &*found;
}

Grid grid_of(NetcdfFile const& file) {
  auto const dimensions = classify_dimensions(file);
  auto const* latitude = dimension_of(dimensions, CfRole::latitude);
  auto const* longitude = dimension_of(dimensions, CfRole::longitude);
  require(latitude != nullptr && longitude != nullptr && latitude->size > 0 && longitude->size > 0,
          "'",
          file.path().string(),
          "' has no latitude and longitude");
  return Grid({make_axis(file, *latitude), make_axis(file, *longitude)}, Geometry::lat_lon);
}

std::unique_ptr<NetcdfFile> open_file(fs::path const& folder,
                                      std::string const& kind,
                                      std::string const& name) {
  return std::make_unique<NetcdfFile>(folder / (kind + name + ".nc"));
}

/// \throw Error  if there are none
std::vector<int64_t> common_years(std::vector<int64_t> const& in,
                                  std::vector<int64_t> const& out,
                                  NetcdfFile const& inputs) {
  std::vector<int64_t> years;
  std::set_intersection(in.begin(), in.end(), out.begin(), out.end(), std::back_inserter(years));
  require(!years.empty(),
          "'",
          inputs.path().string(),
          "' has the years ",
          in.front(),
          " to ",
          in.back(),
          ", its outputs ",
          out.front(),
          " to ",
          out.back(),
          ": none in common");
  return years;
}

/// True for precipitation rates, which ClimateBench scores in mm/day.
bool is_rate(NetcdfVariable const& variable) {
  return variable.name == "pr" || variable.name == "pr90";
}

}  // namespace

ClimatebenchSimulation::ClimatebenchSimulation(fs::path const& folder, std::string const& name)
    : name_(name),
      inputs_(open_file(folder, kInputs, name)),
      outputs_(open_file(folder, kOutputs, name)),
      grid_(grid_of(*outputs_)) {
  auto const in = read_years(*inputs_);
  auto const out = read_years(*outputs_);
  years_ = common_years(in, out, *inputs_);
  std::vector<Field> fields;
  add_channels(*inputs_, years_.front() - in.front(), fields);
  add_channels(*outputs_, years_.front() - out.front(), fields);
  fields_ = FieldSet(std::move(fields));
}

std::vector<int64_t> ClimatebenchSimulation::read_years(NetcdfFile const& file) const {
  auto const dimensions = classify_dimensions(file);
  auto const* time = dimension_of(dimensions, CfRole::time);
  require(time != nullptr && time->coordinate != nullptr && time->size > 0,
          "'",
          file.path().string(),
          "' has no coordinate of time");
  auto const units = time->coordinate->text("units");
  auto const dates = is_cf_time_units(units);
  std::optional<CfTime> clock;
  if (dates) {
    clock = parse_cf_time(units, time->coordinate->text("calendar"));
  }
  std::vector<int64_t> years;
  for (auto const value : file.read_all(*time->coordinate)) {
    require(std::isfinite(value) && std::abs(value) < 1e9,
            "time of '",
            file.path().string(),
            "' is missing or no year");
    years.push_back(dates ? cf_calendar_date(*clock, value).year : std::llround(value));
    require(years.size() < 2 || years.back() == years[years.size() - 2] + 1,
            "'",
            file.path().string(),
            "' goes from ",
            years.size() < 2 ? 0 : years[years.size() - 2],
            " to ",
            years.back(),
            "; one value a year is expected");
  }
  return years;
}

void ClimatebenchSimulation::add_channels(NetcdfFile const& file,
                                          int64_t first_year,
                                          std::vector<Field>& fields) {
  auto const dimensions = classify_dimensions(file);
  with_context([&] { check_same_grid(grid_, grid_of(file)); },
               "comparing the grid of '",
               file.path().string(),
               "' with '",
               outputs_->path().string(),
               "'");
  auto const before = fields.size();
  for (auto const& variable : file.variables()) {
    auto const source = classified(variable, dimensions);
    bool const is_coordinate =
        std::any_of(dimensions.begin(), dimensions.end(), [&](auto const& one) {
          return one.coordinate != nullptr && one.coordinate->name == variable.name;
        });
    if (!variable.is_numeric() || is_coordinate || source.variable == nullptr) {
      continue;
    }
    auto const units = variable.text("units");
    fields.push_back({.name = variable.name, .units = is_rate(variable) ? "mm/day" : units});
    channels_.push_back({.file = &file,
                         .source = source,
                         .first_year = first_year,
                         .factor = is_rate(variable) ? kSecondsOfDay : 1});
  }
  require(
      fields.size() > before, "'", file.path().string(), "' has no variable with a value a year");
}

std::vector<fs::path> ClimatebenchSimulation::files() const {
  return {inputs_->path(), outputs_->path()};
}

int64_t ClimatebenchSimulation::read(int64_t channel,
                                     int64_t year,
                                     Box const& box,
                                     float* out) const {
  auto const& from = channels_[static_cast<size_t>(channel)];
  auto const& source = from.source;
  std::vector<size_t> start(static_cast<size_t>(source.variable->rank()), 0);
  std::vector<size_t> count(start.size(), 1);
  start[static_cast<size_t>(source.time)] = static_cast<size_t>(from.first_year + year);
  bool const has_plane = source.latitude >= 0;
  if (has_plane) {
    for (auto const& [position, axis] : {std::pair{source.latitude, 1}, {source.longitude, 2}}) {
      start[static_cast<size_t>(position)] =
          static_cast<size_t>(box.first[static_cast<size_t>(axis)]);
      count[static_cast<size_t>(position)] =
          static_cast<size_t>(box.size[static_cast<size_t>(axis)]);
    }
  }
  auto const cells = static_cast<size_t>(box.cells());
  std::vector<float> plane(has_plane ? cells : 1);
  std::vector<double> sum(plane.size(), 0);
  for (int64_t member = 0; member < source.members; ++member) {
    if (source.member >= 0) {
      start[static_cast<size_t>(source.member)] = static_cast<size_t>(member);
    }
    from.file->read(*source.variable, start, count, plane.data());
    for (size_t i = 0; i < plane.size(); ++i) {
      sum[i] += static_cast<double>(plane[i]);
    }
  }
  bool const is_turned = has_plane && source.longitude < source.latitude;
  auto const rows = static_cast<size_t>(box.size[1]);
  auto const columns = static_cast<size_t>(box.size[2]);
  for (size_t i = 0; i < cells; ++i) {
    auto const at = !has_plane ? 0 : is_turned ? (i % columns) * rows + i / columns : i;
    out[i] = static_cast<float>(sum[at] * from.factor / static_cast<double>(source.members));
  }
  return static_cast<int64_t>(plane.size()) * source.members * source.variable->item_bytes;
}

std::vector<std::string> climatebench_simulations(fs::path const& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto const& entry : fs::directory_iterator(folder, error)) {
    auto const stem = entry.path().stem().string();
    if (entry.path().extension() != ".nc" || !stem.starts_with(kInputs)) {
      continue;
    }
    auto const name = stem.substr(std::string(kInputs).size());
    if (fs::is_regular_file(folder / (kOutputs + name + ".nc"), error)) {
      names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace eddyline
