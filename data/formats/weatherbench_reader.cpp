#include "data/formats/weatherbench_reader.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "data/formats/joined_reader.hpp"
#include "data/formats/netcdf_layout.hpp"
#include "data/formats/netcdf_reader.hpp"
#include "data/formats/weather_variables.hpp"
#include "data/formats/weatherbench_folder.hpp"

namespace eddyline {
namespace {

namespace fs = std::filesystem;

constexpr size_t kOpenFiles = 128;  // of all folders together

/// A field of a folder.
struct FolderField {
  std::string stored;  ///< its name in the files: "z"
  std::string name;    ///< as it is known outside: "z_500"
};

/// Name without the level at its end, in full.
std::string long_base(std::string const& name) {
  auto const full = long_variable_name(name);
  auto const level = level_of_name(full);
  return level.empty() ? full : full.substr(0, full.size() - level.size() - 1);
}

/// The fields that a folder's first file has.
std::vector<FolderField> fields_of(WeatherbenchVariable const& variable) {
  NetcdfFile const file(variable.years.begin()->second);
  auto const layout = lay_out(file, {}, Levels::fields);
  auto const level = level_of_name(variable.name);
  std::vector<FolderField> fields;
  for (auto const& name : layout.fields.channel_names()) {
    bool const add = !level.empty() && level_of_name(name).empty();
    fields.push_back({name, add ? name + "_" + level : name});
  }
  return fields;
}

/// Whether a field of a folder is what was asked for, by code, long name or folder and level.
bool is_meant(WeatherbenchVariable const& variable,
              FolderField const& field,
              std::string const& wanted) {
  return field.name == wanted || long_variable_name(field.name) == long_variable_name(wanted) ||
         (long_base(variable.name) == long_base(wanted) &&
          level_of_name(field.name) == level_of_name(wanted));
}

/// What of one folder is read.
struct Choice {
  WeatherbenchVariable variable;
  std::vector<FolderField> fields;  ///< name: as it was asked for
};

class Chooser {
 public:
  explicit Chooser(fs::path const& root) : root_(root), variables_(weatherbench_variables(root)) {
    require(!variables_.empty(),
            "'",
            root.string(),
            "' has no folder of a variable with netCDF files named by years");
  }

  /// All fields; of those that two folders have, the first folder's.
  std::vector<Choice> all() {
    std::set<std::string> seen;
    std::vector<Choice> choices;
    for (auto const& variable : variables_) {
      Choice choice{variable, {}};
      for (auto const& field : fields_of(variable)) {
        if (seen.insert(long_variable_name(field.name)).second) {
          choice.fields.push_back(field);
        }
      }
      if (!choice.fields.empty()) {
        choices.push_back(std::move(choice));
      }
    }
    return choices;
  }

  std::vector<Choice> wanted(std::vector<std::string> const& names) {
    std::vector<Choice> choices;
    for (auto const& name : names) {
      auto const [variable, field] = find(name);
      if (choices.empty() || choices.back().variable.name != variable->name) {
        choices.push_back({*variable, {}});
      }
      choices.back().fields.push_back({field.stored, name});
    }
    return choices;
  }

 private:
  using Found = std::pair<WeatherbenchVariable const*, FolderField>;

  /// In folders of its name first, so that others need not be opened.
  Found find(std::string const& wanted) {
    std::vector<std::string> known;
    for (bool const by_name : {true, false}) {
      for (auto const& variable : variables_) {
        if ((long_base(variable.name) == long_base(wanted)) != by_name) {
          continue;
        }
        for (auto const& field : fields_of(variable)) {
          if (is_meant(variable, field, wanted)) {
            return {&variable, field};
          }
          known.push_back(field.name);
        }
      }
    }
    throw Error(concat("no folder of '",
                       root_.string(),
                       "' has the field '",
                       wanted,
                       "'",
                       did_you_mean(wanted, known)));
  }

  fs::path root_;
  std::vector<WeatherbenchVariable> variables_;
};

/// The files of the years `span`. \throw Error  if `other` lacks one of those years
std::vector<fs::path> files_of(WeatherbenchVariable const& variable,
                               WeatherbenchVariable const& other,
                               std::array<int64_t, 2> span) {
  std::vector<fs::path> files;
  for (auto const& [year, path] : variable.years) {
    if (year < span[0] || year > span[1]) {
      continue;
    }
    require(other.years.contains(year),
            "variable '",
            other.name,
            "' has no file of ",
            year,
            ", '",
            variable.name,
            "' has; add it, or choose years that all have by data.map");
    files.push_back(path);
  }
  return files;
}

std::unique_ptr<Reader> open_weatherbench(OpenRequest const& request) {
  auto const years = parse_weatherbench_years(request.map).of(request.split);
  Chooser chooser(request.path);
  auto const choices = request.fields.empty() ? chooser.all() : chooser.wanted(request.fields);
  std::vector<JoinedPart> parts;
  for (auto const& choice : choices) {
    auto const& first = choices.front().variable;
    auto const files = files_of(choice.variable, first, years);
    files_of(first, choice.variable, years);  // neither may lack a year
    require(!files.empty(),
            "'",
            request.path.string(),
            "' has no year of ",
            request.split,
            " (",
            years[0],
            " to ",
            years[1],
            "); choose others by data.map");
    JoinedPart part{.name = choice.variable.name, .reader = nullptr, .fields = {}};
    std::vector<std::string> stored;
    for (auto const& field : choice.fields) {
      stored.push_back(field.stored);
      part.fields.push_back(field.name);
    }
    part.reader = open_netcdf({.path = {},
                               .fields = stored,
                               .files = files,
                               .open_files = std::max<size_t>(2, kOpenFiles / choices.size())});
    parts.push_back(std::move(part));
  }
  auto const constants = weatherbench_constants(request.path);
  auto name = fs::absolute(request.path / ".").lexically_normal().parent_path().filename().string();
  return join_readers(
      std::move(parts),
      constants.empty() ? nullptr : open_netcdf({.path = {}, .files = {constants.front()}}),
      {.name = std::move(name), .format = "weatherbench"});
}

bool recognises(fs::path const& path) {
  try {
    return !weatherbench_variables(path).empty();
  } catch (Error const&) {
    return true;  // it looks like it; opening says what is wrong
  }
}

std::vector<std::string> splits(OpenRequest const& request) {
  auto const years = parse_weatherbench_years(request.map);
  auto const variables = weatherbench_variables(request.path);
  std::vector<std::string> found;
  for (auto const* split : {"train", "valid", "test"}) {
    auto const part = years.of(split);
    bool const has_year = std::any_of(variables.begin(), variables.end(), [&](auto const& one) {
      auto const first = one.years.lower_bound(part[0]);
      return first != one.years.end() && first->first <= part[1];
    });
    if (has_year) {
      found.emplace_back(split);
    }
  }
  return found;
}

}  // namespace

FormatEntry weatherbench_format() {
  return {.name = "weatherbench",
          .summary = "WeatherBench: a folder a variable with one netCDF file a year",
          .recognises = recognises,
          .open = open_weatherbench,
          .own_splits = splits,
          .takes_map = true};
}

}  // namespace eddyline
