#include "workflows/training/config_differences.hpp"

#include <algorithm>
#include <map>

#include "core/yaml.hpp"

namespace eddyline {
namespace {

void flatten(YamlNode const& node,
             std::string const& path,
             std::map<std::string, std::string>& values) {
  if (node.kind != YamlNode::Kind::map) {
    values[path] = print_yaml_line(node);
    return;
  }
  for (size_t i = 0; i < node.keys.size(); ++i) {
    flatten(node.items[i], path.empty() ? node.keys[i] : path + "." + node.keys[i], values);
  }
}

std::map<std::string, std::string> flat(std::string const& yaml) {
  std::map<std::string, std::string> values;
  flatten(parse_yaml(yaml, "configuration"), "", values);
  return values;
}

}  // namespace

std::vector<std::string> config_differences(std::string const& now,
                                            std::string const& before,
                                            std::vector<std::string> const& free) {
  auto const left = flat(now);
  auto const right = flat(before);
  auto const may_differ = [&](std::string const& key) {
    return std::any_of(free.begin(), free.end(), [&](auto const& prefix) {
      return key == prefix || key.starts_with(prefix + ".");
    });
  };
  std::map<std::string, std::string> all = left;
  all.insert(right.begin(), right.end());
  std::vector<std::string> differences;
  for (auto const& [key, unused] : all) {
    auto const value = [&](auto const& values) {
      return values.contains(key) ? values.at(key) : std::string("nothing");
    };
    if (!may_differ(key) && value(left) != value(right)) {
      differences.push_back(key + ": " + value(left) + " instead of " + value(right));
    }
  }
  return differences;
}

}  // namespace eddyline
