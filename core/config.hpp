#pragma once

#include <string>
#include <vector>

#include "core/config_members.hpp"

namespace eddyline {

// A configuration is a struct with defaults that names each key once, with its help:
//
//   enum class Fit { exact, crop };
//   template <>
//   struct EnumNames<Fit> {
//     static constexpr auto names = std::to_array<std::pair<Fit, char const*>>({{Fit::exact,
//     "exact"}, {Fit::crop, "crop"}});
//   };
//   struct DataConfig {
//     std::string path;
//     Fit fit = Fit::exact;
//     template <class Visitor>
//     void visit(Visitor&& v) {
//       v("path", path, "file or folder");
//       v("fit", fit, "what to do with a grid that is not a multiple of the patch");
//     }
//   };
//
// Members: bool, int, int64_t, uint64_t, float, double, std::string, std::filesystem::path, enums,
// other such structs, YamlText (a section handed on as text), and std::vector, std::array,
// std::optional, std::map<std::string, …> of these.

/// The struct's defaults, overwritten by what `yaml` says.
/// \param where  the file's name, for messages
/// \throw Error  on unknown keys (naming the nearest), wrong types (naming key, value, what is
/// allowed and the line), bad
///               syntax, and text too large or too deep (core/yaml.hpp)
template <class C>
C parse_config(std::string const& yaml, std::string const& where) {
  C config{};
  config_type<C>()->set(&config, parse_yaml(yaml, where), {where, ""}, MapEntries::replace);
  return config;
}

void apply_override(ConfigType const* type, void* config, std::string const& override_text);

/// Applies overrides "key.sub=value" in order. A value is text as it stands, or YAML where it
/// begins with [ { " or '. \throw Error  as parse_config, naming the override
template <class C>
void apply_overrides(C& config, std::vector<std::string> const& overrides) {
  for (auto const& text : overrides) {
    apply_override(config_type<C>(), &config, text);
  }
}

std::string print_fields(std::vector<ConfigField> const& fields);
std::string help_of_fields(std::vector<ConfigField> const& fields);

/// YAML that parse_config reads back to the same values, each key with its help as comment.
template <class C>
std::string print_config(C const& config) {
  auto copy = config;
  return print_fields(config_type<C>()->fields(&copy));
}

/// One line a key for `--help`: the full name, what it takes, its default and its help.
template <class C>
std::string config_help() {
  C config{};
  return help_of_fields(config_type<C>()->fields(&config));
}

}  // namespace eddyline
