#include "core/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace eddyline {
namespace {

using Kind = YamlNode::Kind;

std::string shown(YamlNode const& node) {
  auto text = print_yaml_line(node);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

[[noreturn]] void refuse(YamlNode const& node,
                         ConfigPlace const& place,
                         std::string const& expected) {
  auto const value = node.kind == Kind::null ? std::string("has no value") : "is " + shown(node);
  throw Error(concat("'", place.path, "' ", value, "; it takes ", expected, place.describe(node)));
}

std::string const& scalar_text(YamlNode const& node,
                               ConfigPlace const& place,
                               std::string const& expected) {
  if (node.kind != Kind::scalar) {
    refuse(node, place, expected);
  }
  return node.text;
}

/// Whole numbers may be written 1e6 too, as long as the value is one.
template <class T>
bool parse_integer(std::string const& text, T& value) {
  auto const* begin = text.data() + (text.size() > 1 && text[0] == '+' ? 1 : 0);
  auto const* end = text.data() + text.size();
  if (auto const [stop, code] = std::from_chars(begin, end, value);
      code == std::errc{} && stop == end) {
    return true;
  }
  double number = 0;
  auto const [stop, code] = std::from_chars(begin, end, number);
  bool const is_whole = code == std::errc{} && stop == end && std::abs(number) <= 0x1p53 &&
                        number == std::floor(number);
  if (is_whole && (std::is_signed_v<T> || number >= 0)) {
    value = static_cast<T>(number);
  }
  return is_whole && (std::is_signed_v<T> || number >= 0);
}

/// The fields in print order with their place in the tree.
struct Row {
  std::string left;
  std::string right;
};

std::string align(std::vector<Row> const& rows, size_t widest, char const* separator) {
  size_t width = 0;
  for (auto const& row : rows) {
    if (!row.right.empty() && row.left.size() <= widest) {
      width = std::max(width, row.left.size());
    }
  }
  std::string text;
  for (auto const& row : rows) {
    text += row.right.empty() ? row.left
                              : fmt::format("{:<{}}{}{}", row.left, width, separator, row.right);
    text += '\n';
  }
  return text;
}

void print_rows(std::vector<ConfigField> const& fields,
                std::string const& indent,
                std::vector<Row>& rows) {
  for (auto const& field : fields) {
    if (field.type->fields != nullptr) {
      rows.push_back({indent + field.key + ":", field.help});
      print_rows(field.type->fields(field.target), indent + "  ", rows);
      continue;
    }
    auto const node = field.type->get(field.target);
    if (node.layout == YamlNode::Layout::flow || node.items.empty()) {
      rows.push_back({indent + field.key + ": " + print_yaml_line(node), field.help});
      continue;
    }
    rows.push_back({indent + field.key + ":", field.help});
    std::istringstream lines(print_yaml(node));
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty()) {
        rows.push_back({indent + "  " + line, ""});
      }
    }
  }
}

void help_rows(std::vector<ConfigField> const& fields,
               std::string const& path,
               std::vector<Row>& rows) {
  for (auto const& field : fields) {
    auto const name = path + field.key;
    if (field.type->fields != nullptr) {
      help_rows(field.type->fields(field.target), name + ".", rows);
      continue;
    }
    auto const value = print_yaml_line(field.type->get(field.target));
    auto const takes = field.type->expects();
    rows.push_back(
        {"  " + name + "=" + value, field.help + (takes == "text" ? "" : " (" + takes + ")")});
  }
}

}  // namespace

ConfigPlace ConfigPlace::at(std::string const& key) const {
  return {where, path.empty() ? key : path + "." + key};
}

std::string ConfigPlace::describe(YamlNode const& node) const {
  return node.line > 0 ? concat(" (", where, ", line ", node.line, ")") : concat(" (", where, ")");
}

bool read_bool(YamlNode const& node, ConfigPlace const& place) {
  auto const& text = scalar_text(node, place, "true or false");
  for (auto const* name : {"true", "True", "yes", "on"}) {
    if (text == name) {
      return true;
    }
  }
  for (auto const* name : {"false", "False", "no", "off"}) {
    if (text == name) {
      return false;
    }
  }
  refuse(node, place, "true or false");
}

int64_t read_integer(YamlNode const& node,
                     ConfigPlace const& place,
                     int64_t lowest,
                     int64_t highest) {
  int64_t value = 0;
  if (!parse_integer(scalar_text(node, place, "a whole number"), value)) {
    refuse(node, place, "a whole number");
  }
  if (value < lowest || value > highest) {
    refuse(node, place, concat("a whole number from ", lowest, " to ", highest));
  }
  return value;
}

uint64_t read_unsigned(YamlNode const& node, ConfigPlace const& place) {
  uint64_t value = 0;
  if (!parse_integer(scalar_text(node, place, "a whole number ≥ 0"), value)) {
    refuse(node, place, "a whole number ≥ 0");
  }
  return value;
}

double read_double(YamlNode const& node, ConfigPlace const& place) {
  auto const& text = scalar_text(node, place, "a number");
  auto const* begin = text.data() + (text.size() > 1 && text[0] == '+' ? 1 : 0);
  if (auto const dot = text.find('.');
      dot != std::string::npos && (text.substr(dot) == ".inf" || text.substr(dot) == ".nan")) {
    bool const is_negative = text == "-.inf";
    if (dot == 0 || is_negative || text == "+.inf") {
      auto const inf = std::numeric_limits<double>::infinity();
      return text == ".nan" ? std::numeric_limits<double>::quiet_NaN() : is_negative ? -inf : inf;
    }
  }
  double value = 0;
  auto const [stop, code] = std::from_chars(begin, text.data() + text.size(), value);
  if (code != std::errc{} || stop != text.data() + text.size()) {
    refuse(node, place, "a number");
  }
  return value;
}

std::string read_string(YamlNode const& node, ConfigPlace const& place) {
  return scalar_text(node, place, "text (\"\" for none)");
}

size_t read_choice(YamlNode const& node,
                   ConfigPlace const& place,
                   std::vector<std::string> const& names) {
  auto const& text = scalar_text(node, place, join_choices(names));
  auto const at = std::find(names.begin(), names.end(), text);
  if (at == names.end()) {
    throw Error(concat("'",
                       place.path,
                       "' is ",
                       shown(node),
                       "; it takes ",
                       join_choices(names),
                       place.describe(node)));
  }
  return static_cast<size_t>(at - names.begin());
}

std::vector<YamlNode> const& read_list(YamlNode const& node,
                                       ConfigPlace const& place,
                                       int64_t size) {
  auto const found = static_cast<int64_t>(node.items.size());
  if (node.kind != Kind::list || (size >= 0 && found != size)) {
    refuse(node,
           place,
           size >= 0 ? concat("a list of ", size, " values, such as [1, 2]")
                     : "a list, such as [1, 2]");
  }
  return node.items;
}

void check_map(YamlNode const& node, ConfigPlace const& place) {
  if (node.kind != Kind::map && node.kind != Kind::null) {
    refuse(node, place, "keys with values");
  }
}

void set_fields(std::vector<ConfigField> const& fields,
                YamlNode const& node,
                ConfigPlace const& place,
                MapEntries entries) {
  if (node.kind != Kind::map && node.kind != Kind::null) {
    auto const name =
        place.path.empty() ? std::string("the configuration") : "'" + place.path + "'";
    throw Error(
        concat(name, " is ", shown(node), "; it takes keys with values", place.describe(node)));
  }
  for (size_t i = 0; i < node.keys.size(); ++i) {
    auto const& key = node.keys[i];
    auto const field = std::find_if(
        fields.begin(), fields.end(), [&](auto const& known) { return known.key == key; });
    if (field == fields.end()) {
      std::vector<std::string> known;
      for (auto const& each : fields) {
        known.push_back(each.key);
      }
      auto line = node.items[i];
      line.line = node.key_lines[i];
      throw Error(concat("unknown key '",
                         place.at(key).path,
                         "'",
                         place.describe(line),
                         did_you_mean(key, known)));
    }
    field->type->set(field->target, node.items[i], place.at(key), entries);
  }
}

YamlNode get_fields(std::vector<ConfigField> const& fields) {
  auto node = YamlNode::map();
  for (auto const& field : fields) {
    node.add(field.key, field.type->get(field.target));
  }
  return node;
}

namespace {

void join(YamlNode& into, YamlNode const& from) {
  if (into.kind != Kind::map || from.kind != Kind::map) {
    into = from;
    return;
  }
  for (size_t i = 0; i < from.keys.size(); ++i) {
    if (auto* old = into.find(from.keys[i])) {
      join(*old, from.items[i]);
    } else {
      into.add(from.keys[i], from.items[i]);
    }
  }
}

}  // namespace

void set_yaml_text(YamlText& target, YamlNode const& node, MapEntries entries) {
  if (entries == MapEntries::replace) {
    target.text = print_yaml(node);
    return;
  }
  auto merged = parse_yaml(target.text, "section");
  join(merged, node);
  target.text = print_yaml(merged);
}

YamlNode print_double(double value) {
  if (std::isnan(value)) {
    return YamlNode::scalar(".nan");
  }
  if (std::isinf(value)) {
    return YamlNode::scalar(value > 0 ? ".inf" : "-.inf");
  }
  return YamlNode::scalar(fmt::format("{}", value));
}

std::string join_choices(std::vector<std::string> const& names) {
  return concat("one of ", names);
}

void apply_override(ConfigType const* type, void* config, std::string const& override_text) {
  auto const equals = override_text.find('=');
  require(equals != std::string::npos && equals > 0,
          "override '",
          override_text,
          "' is not of the form key.sub=value");
  auto const where = "override '" + override_text + "'";
  auto const value = override_text.substr(equals + 1);
  bool const is_yaml = !value.empty() && std::string("[{\"'").find(value[0]) != std::string::npos;
  auto node = is_yaml ? parse_yaml(value, where) : YamlNode::scalar(value);
  if (value == "null" || value == "~") {
    node = YamlNode{};
  }
  auto path = override_text.substr(0, equals);
  require(path.front() != '.' && path.back() != '.' && path.find("..") == std::string::npos,
          "override '",
          override_text,
          "' has an empty key; write key.sub=value");
  for (auto dot = path.rfind('.'); !path.empty(); dot = path.rfind('.')) {
    auto parent = YamlNode::map();
    parent.add(dot == std::string::npos ? path : path.substr(dot + 1), std::move(node));
    node = std::move(parent);
    path = dot == std::string::npos ? "" : path.substr(0, dot);
  }
  type->set(config, node, {where, ""}, MapEntries::join);
}

std::string print_fields(std::vector<ConfigField> const& fields) {
  std::vector<Row> rows;
  print_rows(fields, "", rows);
  return align(rows, 40, "  # ");
}

std::string help_of_fields(std::vector<ConfigField> const& fields) {
  std::vector<Row> rows;
  help_rows(fields, "", rows);
  return align(rows, 44, "  ");
}

}  // namespace eddyline
