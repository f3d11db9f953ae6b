#pragma once

#include <array>
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config_type.hpp"

// What configuration does with each type a member may have. Users need core/config.hpp only.
namespace eddyline {

template <class T>
struct ConfigOf;

template <std::same_as<bool> T>
struct ConfigOf<T> {
  static std::string expects() { return "true or false"; }
  static void set(T& to, YamlNode const& node, ConfigPlace const& place, MapEntries) {
    to = read_bool(node, place);
  }
  static YamlNode get(T const& from) { return YamlNode::scalar(from ? "true" : "false"); }
};

template <std::integral T>
requires(!std::same_as<T, bool>) struct ConfigOf<T> {
  static std::string expects() {
    return std::is_signed_v<T> ? "a whole number" : "a whole number ≥ 0";
  }
  static void set(T& to, YamlNode const& node, ConfigPlace const& place, MapEntries) {
    if constexpr (std::same_as<T, uint64_t>) {
      to = read_unsigned(node, place);
    } else {
      using Limits = std::numeric_limits<T>;
      to = static_cast<T>(read_integer(node, place, Limits::min(), Limits::max()));
    }
  }
  static YamlNode get(T const& from) { return YamlNode::scalar(std::to_string(from)); }
};

template <std::floating_point T>
struct ConfigOf<T> {
  static std::string expects() { return "a number"; }
  static void set(T& to, YamlNode const& node, ConfigPlace const& place, MapEntries) {
    to = static_cast<T>(read_double(node, place));
  }
  static YamlNode get(T const& from) { return print_double(static_cast<double>(from)); }
};

template <class T>
requires(std::same_as<T, std::string> ||
         std::same_as<T, std::filesystem::path>) struct ConfigOf<T> {
  static std::string expects() { return std::same_as<T, std::string> ? "text" : "a path"; }
  static void set(T& to, YamlNode const& node, ConfigPlace const& place, MapEntries) {
    to = read_string(node, place);
  }
  static YamlNode get(T const& from) {
    if constexpr (std::same_as<T, std::string>) {
      return YamlNode::quoted(from);
    } else {
      return YamlNode::quoted(from.string());
    }
  }
};

template <class T>
requires std::is_enum_v<T>
struct ConfigOf<T> {
  static std::string expects() { return join_choices(enum_names<T>()); }
  static void set(T& to, YamlNode const& node, ConfigPlace const& place, MapEntries) {
    to = EnumNames<T>::names[read_choice(node, place, enum_names<T>())].first;
  }
  static YamlNode get(T const& from) { return YamlNode::scalar(enum_name(from)); }
};

template <>
struct ConfigOf<YamlText> {
  static std::string expects() { return "a section of its own"; }
  static void set(YamlText& to, YamlNode const& node, ConfigPlace const&, MapEntries entries) {
    set_yaml_text(to, node, entries);
  }
  static YamlNode get(YamlText const& from) { return parse_yaml(from.text, "section"); }
};

template <class T>
struct ConfigOf<std::optional<T>> {
  static std::string expects() { return config_type<T>()->expects() + ", or null"; }
  static void set(std::optional<T>& to,
                  YamlNode const& node,
                  ConfigPlace const& place,
                  MapEntries entries) {
    if (node.kind == YamlNode::Kind::null) {
      to.reset();
      return;
    }
    auto value = to.value_or(T{});
    config_type<T>()->set(&value, node, place, entries);
    to = std::move(value);
  }
  static YamlNode get(std::optional<T> const& from) {
    return from ? config_type<T>()->get(&*from) : YamlNode{};
  }
};

template <class T>
struct ConfigOf<std::vector<T>> {
  static std::string expects() { return "a list, each " + config_type<T>()->expects(); }
  static void set(std::vector<T>& to, YamlNode const& node, ConfigPlace const& place, MapEntries) {
    std::vector<T> values;
    for (auto const& item : read_list(node, place, -1)) {
      T value{};
      config_type<T>()->set(
          &value, item, place.at(std::to_string(values.size())), MapEntries::replace);
      values.push_back(std::move(value));
    }
    to = std::move(values);
  }
  static YamlNode get(std::vector<T> const& from) {
    std::vector<YamlNode> items;
    for (T const& value : from) {
      items.push_back(config_type<T>()->get(&value));
    }
    return YamlNode::flow_list(std::move(items));
  }
};

template <class T, size_t N>
struct ConfigOf<std::array<T, N>> {
  static std::string expects() {
    return "a list of " + std::to_string(N) + ", each " + config_type<T>()->expects();
  }
  static void set(std::array<T, N>& to,
                  YamlNode const& node,
                  ConfigPlace const& place,
                  MapEntries) {
    auto const& items = read_list(node, place, static_cast<int64_t>(N));
    for (size_t i = 0; i < N; ++i) {
      config_type<T>()->set(&to[i], items[i], place.at(std::to_string(i)), MapEntries::replace);
    }
  }
  static YamlNode get(std::array<T, N> const& from) {
    return ConfigOf<std::vector<T>>::get(std::vector<T>(from.begin(), from.end()));
  }
};

template <class T>
struct ConfigOf<std::map<std::string, T>> {
  static std::string expects() { return "names, each with " + config_type<T>()->expects(); }
  static void set(std::map<std::string, T>& to,
                  YamlNode const& node,
                  ConfigPlace const& place,
                  MapEntries entries) {
    check_map(node, place);
    std::map<std::string, T> values;
    if (entries == MapEntries::join) {
      values = to;
    }
    for (size_t i = 0; i < node.keys.size(); ++i) {
      config_type<T>()->set(&values[node.keys[i]], node.items[i], place.at(node.keys[i]), entries);
    }
    to = std::move(values);
  }
  static YamlNode get(std::map<std::string, T> const& from) {
    auto node = YamlNode::map();
    for (auto const& [key, value] : from) {
      node.add(key, config_type<T>()->get(&value));
    }
    return node;
  }
};

template <class T>
requires requires(T& value, FieldCollector& collector) {
  value.visit(collector);
}
struct ConfigOf<T> {
  static std::string expects() { return "a section"; }
  static std::vector<ConfigField> fields(T& of) {
    FieldCollector collector;
    of.visit(collector);
    return std::move(collector.fields);
  }
  static void set(T& to, YamlNode const& node, ConfigPlace const& place, MapEntries entries) {
    set_fields(fields(to), node, place, entries);
  }
  static YamlNode get(T const& from) { return get_fields(fields(const_cast<T&>(from))); }
};

template <class T>
ConfigType const* config_type() {
  using Of = ConfigOf<T>;
  static constexpr ConfigType type = {
      .expects = &Of::expects,
      .set =
          [](void* target, YamlNode const& node, ConfigPlace const& place, MapEntries entries) {
            Of::set(*static_cast<T*>(target), node, place, entries);
          },
      .get = [](void const* target) { return Of::get(*static_cast<T const*>(target)); },
      .fields =
          [] {
            if constexpr (requires(T & value) { Of::fields(value); }) {
              return +[](void* target) { return Of::fields(*static_cast<T*>(target)); };
            } else {
              return static_cast<std::vector<ConfigField> (*)(void*)>(nullptr);
            }
          }()};
  return &type;
}

}  // namespace eddyline
