#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/yaml.hpp"

// How configuration reads and prints one type without templates in the code that does it. Users
// need core/config.hpp only.
namespace eddyline {

/// Names of an enum's values: specialise with
/// `static constexpr auto names = std::to_array<std::pair<E, char const*>>({{E::a, "a"}, …});`
template <class E>
struct EnumNames;

/// A part of the configuration that is handed on as text: the `model:` section, read by the network
/// it names. Its lines stand where they stood in the file, so errors found in it later name the
/// right line.
struct YamlText {
  std::string text;
  bool operator==(YamlText const&) const = default;
};

/// What messages say about the place of a value.
struct ConfigPlace {
  std::string where;  ///< file, or the override
  std::string path;   ///< "train.batch"; empty at the top

  ConfigPlace at(std::string const& key) const;
  /// ", 'run.yaml' line 3" or so, for a message's end.
  std::string describe(YamlNode const& node) const;
};

/// Whether entries of a map replace what was there (a file) or join it (an override).
enum class MapEntries { replace, join };

struct ConfigField;

/// The operations that configuration needs of a type.
struct ConfigType {
  std::string (*expects)();  ///< "a whole number"
  void (*set)(void* target, YamlNode const& node, ConfigPlace const& place, MapEntries entries);
  YamlNode (*get)(void const* target);
  std::vector<ConfigField> (*fields)(void* target);  ///< of a structure, else nullptr
};

/// One member of a structure.
struct ConfigField {
  std::string key;
  std::string help;
  void* target;
  ConfigType const* type;
};

template <class T>
ConfigType const* config_type();

/// Collects the members of a structure.
struct FieldCollector {
  std::vector<ConfigField> fields;
  template <class T>
  void operator()(char const* key, T& member, char const* help) {
    fields.push_back({key, help, &member, config_type<T>()});
  }
};

/// Readers of single values; each throws Error naming key, value and what is allowed.
bool read_bool(YamlNode const& node, ConfigPlace const& place);
int64_t read_integer(YamlNode const& node,
                     ConfigPlace const& place,
                     int64_t lowest,
                     int64_t highest);
uint64_t read_unsigned(YamlNode const& node, ConfigPlace const& place);
double read_double(YamlNode const& node, ConfigPlace const& place);
std::string read_string(YamlNode const& node, ConfigPlace const& place);
size_t read_choice(YamlNode const& node,
                   ConfigPlace const& place,
                   std::vector<std::string> const& names);
/// The entries of a list. \param size  how many there must be, or -1
std::vector<YamlNode> const& read_list(YamlNode const& node,
                                       ConfigPlace const& place,
                                       int64_t size);
void check_map(YamlNode const& node, ConfigPlace const& place);
void set_fields(std::vector<ConfigField> const& fields,
                YamlNode const& node,
                ConfigPlace const& place,
                MapEntries entries);
YamlNode get_fields(std::vector<ConfigField> const& fields);
void set_yaml_text(YamlText& target, YamlNode const& node, MapEntries entries);
YamlNode print_double(double value);

template <class E>
std::vector<std::string> enum_names() {
  std::vector<std::string> names;
  for (auto const& [value, name] : EnumNames<E>::names) {
    names.emplace_back(name);
  }
  return names;
}

/// The name of an enum's value.
template <class E>
std::string enum_name(E value) {
  for (auto const& [known, name] : EnumNames<E>::names) {
    if (known == value) {
      return name;
    }
  }
  return "?";
}

std::string join_choices(std::vector<std::string> const& names);

}  // namespace eddyline
