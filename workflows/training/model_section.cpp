#include "workflows/training/model_section.hpp"

#include <charconv>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "core/yaml.hpp"
#include "surrogates/registry.hpp"

namespace eddyline {
namespace {

int64_t whole_number(YamlNode const& node, std::string const& key) {
  int64_t value = 0;
  auto const* end = node.text.data() + node.text.size();
  auto const result = std::from_chars(node.text.data(), end, value);
  require(node.kind == YamlNode::Kind::scalar && result.ec == std::errc() && result.ptr == end,
          "model.",
          key,
          " must be a whole number, not '",
          node.text,
          "'");
  return value;
}

YamlNode without(YamlNode const& map, std::string const& key) {
  auto rest = YamlNode::map();
  for (size_t i = 0; i < map.keys.size(); ++i) {
    if (map.keys[i] != key) {
      rest.add(map.keys[i], map.items[i], map.key_lines[i]);
    }
  }
  return rest;
}

std::array<int64_t, 3> patch_of(YamlNode const& section, YamlNode const& defaults) {
  auto const* node =
      section.find("patch") != nullptr ? section.find("patch") : defaults.find("patch");
  if (node == nullptr) {
    return {1, 1, 1};
  }
  require(node->kind == YamlNode::Kind::list && node->items.size() == 3,
          "model.patch must be a list of 3 whole numbers, for the axes D, H, W");
  return {whole_number(node->items[0], "patch"),
          whole_number(node->items[1], "patch"),
          whole_number(node->items[2], "patch")};
}

}  // namespace

ModelSection read_model_section(std::string const& yaml, DataConfig& data) {
  auto const section = parse_yaml(yaml, "model");
  auto const* name = section.kind == YamlNode::Kind::map ? section.find("surrogate") : nullptr;
  if (name == nullptr) {
    std::vector<std::string> known;
    for (auto const& entry : surrogate_registry()) {
      known.push_back(entry.name);
    }
    throw Error(
        concat("the model section names no network; set model.surrogate to one of: ", known));
  }
  auto const& entry =
      with_context([&]() -> SurrogateEntry const& { return surrogate_entry(name->text); },
                   "reading model.surrogate");
  auto const defaults = parse_yaml(entry.default_config(), entry.name);
  auto own = without(section, "surrogate");
  ModelSection result{
      .surrogate = entry.name, .patch = patch_of(section, defaults), .history = data.history};
  if (auto const* given = section.find("history")) {
    result.history = whole_number(*given, "history");
    require(data.history == 1 || data.history == result.history,
            "model.history is ",
            result.history,
            ", but data.history is ",
            data.history,
            "; give one of them only");
    data.history = result.history;
  } else if (defaults.find("history") != nullptr) {
    own.add("history", YamlNode::scalar(std::to_string(data.history)));
  }
  result.config = print_yaml(own);
  return result;
}

}  // namespace eddyline
