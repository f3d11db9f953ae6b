#include "data/formats/well_statistics.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include <yaml-cpp/yaml.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr int64_t kLargestFile = int64_t{16} << 20;

struct Section {
  char const* name;
  WellStatistics::Moments WellStatistics::*moments;
  bool required;
};

constexpr std::array<Section, 6> kSections = {{{"mean", &WellStatistics::mean, true},
                                               {"mean_delta", &WellStatistics::mean_delta, false},
                                               {"rms", &WellStatistics::rms, true},
                                               {"rms_delta", &WellStatistics::rms_delta, false},
                                               {"std", &WellStatistics::std, true},
                                               {"std_delta", &WellStatistics::std_delta, false}}};

/// Numbers of a value and of the lists in it, row-major.
void flatten(YAML::Node const& node, std::vector<double>& out) {
  if (node.IsSequence()) {
    for (auto const& part : node) {
      flatten(part, out);
    }
    return;
  }
  out.push_back(node.as<double>());
}

WellStatistics::Moments read_section(YAML::Node const& node) {
  WellStatistics::Moments moments;
  for (auto const& field : node) {
    flatten(field.second, moments[field.first.as<std::string>()]);
  }
  return moments;
}

/// One field's numbers as nested lists, as upstream's file has them.
std::string print_values(std::vector<double> const& values, int order) {
  if (order == 0) {
    return fmt::format(" {:.4E}\n", values.front());
  }
  std::string text = "\n";
  auto const side = static_cast<size_t>(order == 1 ? 1 : std::lround(std::sqrt(values.size())));
  for (size_t i = 0; i < values.size(); ++i) {
    auto const* const lead = order == 1 ? "  - " : i % side == 0 ? "  - - " : "    - ";
    text += fmt::format("{}{:.4E}\n", lead, values[i]);
  }
  return text;
}

}  // namespace

std::vector<double> WellStatistics::of_channels(Moments const& moments, FieldSet const& fields) {
  std::vector<double> values;
  for (auto const& field : fields.fields()) {
    auto const found = moments.find(field.name);
    require(found != moments.end(),
            "the statistics lack the field '",
            field.name,
            "'; compute them anew");
    require(static_cast<int64_t>(found->second.size()) == field.count(),
            "the statistics of '",
            field.name,
            "' have ",
            found->second.size(),
            " components, the field has ",
            field.count());
    values.insert(values.end(), found->second.begin(), found->second.end());
  }
  return values;
}

WellStatistics read_well_statistics(std::filesystem::path const& path) {
  std::error_code error;
  auto const bytes = std::filesystem::file_size(path, error);
  require(!error, "'", path.string(), "' cannot be read: ", error.message());
  require(static_cast<int64_t>(bytes) <= kLargestFile,
          "'",
          path.string(),
          "' has ",
          bytes,
          " bytes: too large for statistics");
  WellStatistics statistics;
  try {
    auto const root = YAML::LoadFile(path.string());
    require(root.IsMap(), "'", path.string(), "' holds no map with mean, std and rms");
    for (auto const& section : kSections) {
      require(root[section.name] || !section.required,
              "'",
              path.string(),
              "' lacks the key '",
              section.name,
              "'");
      statistics.*section.moments =
          root[section.name] ? read_section(root[section.name]) : WellStatistics::Moments{};
    }
  } catch (YAML::Exception const& problem) {
    throw Error(concat("'", path.string(), "' is not statistics of The Well: ", problem.what()));
  }
  return statistics;
}

void write_well_statistics(std::filesystem::path const& path,
                           WellStatistics const& statistics,
                           FieldSet const& fields) {
  std::string text;
  for (auto const& section : kSections) {
    text += std::string(section.name) + ":\n";
    for (auto const& [name, values] : statistics.*section.moments) {
      text += "  " + name + ":" + print_values(values, fields.field(name).order);
    }
  }
  write_text(path, text);
}

}  // namespace eddyline
