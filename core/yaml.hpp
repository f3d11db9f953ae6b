#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace eddyline {

/// Bounds on YAML text that we read: larger is refused before memory is spent on it.
constexpr size_t kYamlMaxBytes = size_t{1} << 20;
constexpr int kYamlMaxDepth = 64;
constexpr int64_t kYamlMaxNodes = 100000;

/// A piece of YAML as a plain value, with the line it stood on. Aliases are expanded.
struct YamlNode {
  enum class Kind { null, scalar, list, map };
  enum class Layout { block, flow };  ///< one entry a line, or {a: 1, b: 2}
  enum class Quotes { none, some };

  Kind kind = Kind::null;
  std::string text;  ///< of a scalar, without quotes
  Quotes quotes = Quotes::none;
  Layout layout = Layout::block;
  int line = 0;                   ///< 1-based line of the text; 0: made by the program
  std::vector<std::string> keys;  ///< of a map, in the text's order
  std::vector<int> key_lines;     ///< same length as keys
  std::vector<YamlNode> items;    ///< of a list; of a map, same length as keys

  static YamlNode scalar(std::string text);
  static YamlNode quoted(std::string text);
  static YamlNode flow_list(std::vector<YamlNode> items);
  static YamlNode map();

  /// The value at `key` of a map, or nullptr.
  YamlNode const* find(std::string const& key) const;
  YamlNode* find(std::string const& key);
  void add(std::string key, YamlNode value, int line = 0);
};

/// Reads one YAML document; empty text is null. Never executes anything, never recurses deeper than
/// kYamlMaxDepth whatever the bytes are.
/// \param where  named in messages: a file or "override 'a.b=1'"
/// \throw Error  on bad syntax, repeated keys, keys that are not words, several documents, or text
/// over the
///               bounds above; the message names `where` and the line
YamlNode parse_yaml(std::string const& text, std::string const& where);

/// YAML that parse_yaml reads back to the same value. Nodes that came from a text keep their line,
/// as far as they fit, so that later messages about them are right.
std::string print_yaml(YamlNode const& node);

/// The node as one line of flow YAML.
std::string print_yaml_line(YamlNode const& node);

}  // namespace eddyline
