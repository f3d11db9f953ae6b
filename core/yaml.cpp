#include "core/yaml.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <sstream>

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "core/error.hpp"
#include "core/text.hpp"

namespace eddyline {
namespace {

using Kind = YamlNode::Kind;
using Layout = YamlNode::Layout;
using Quotes = YamlNode::Quotes;

struct Extent {
  int64_t nodes = 1;
  int64_t bytes = 0;
  int depth = 1;
};

Extent extent_of(YamlNode const& node) {
  Extent all{.bytes = static_cast<int64_t>(node.text.size())};
  for (auto const& key : node.keys) {
    all.bytes += static_cast<int64_t>(key.size());
  }
  for (auto const& item : node.items) {
    auto const part = extent_of(item);
    all.nodes += part.nodes;
    all.bytes += part.bytes;
    all.depth = std::max(all.depth, part.depth + 1);
  }
  return all;
}

/// Builds the tree from yaml-cpp's events. It throws out of the event that goes too deep, so the
/// parser's own recursion is bounded too.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::string const& where) : where_(where) {}

  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(YAML::Mark const&) override {}
  void OnDocumentEnd() override {}
  void OnNull(YAML::Mark const& mark, YAML::anchor_t anchor) override {
    finish({.line = mark.line + 1}, anchor);
  }
  void OnAlias(YAML::Mark const& mark, YAML::anchor_t anchor) override {
    auto const known = anchors_.find(anchor);
    refuse_unless(
        known != anchors_.end(), mark.line + 1, "an alias refers to the node that holds it");
    auto const extent = extent_of(known->second);
    refuse_unless(static_cast<int>(open_.size()) + extent.depth <= kYamlMaxDepth,
                  mark.line + 1,
                  "is nested deeper than the ",
                  kYamlMaxDepth,
                  " levels allowed");
    count(extent, mark.line + 1);
    finish(YamlNode(known->second), 0);
  }
  void OnScalar(YAML::Mark const& mark,
                std::string const& tag,
                YAML::anchor_t anchor,
                std::string const& value) override {
    auto const quotes = tag == "!" ? Quotes::some : Quotes::none;
    finish({.kind = Kind::scalar, .text = value, .quotes = quotes, .line = mark.line + 1}, anchor);
  }
  void OnSequenceStart(YAML::Mark const& mark,
                       std::string const&,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(Kind::list, mark, anchor, style);
  }
  void OnMapStart(YAML::Mark const& mark,
                  std::string const&,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(Kind::map, mark, anchor, style);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor;
    bool has_key = false;
    std::string key = {};
    int key_line = 0;
  };

  template <class... Parts>
  void refuse_unless(bool condition, int line, Parts const&... parts) {
    require(condition, where_, ", line ", line, ": ", parts...);
  }

  void count(Extent const& extent, int line) {
    nodes_ += extent.nodes;
    bytes_ += extent.bytes;
    refuse_unless(nodes_ <= kYamlMaxNodes && bytes_ <= 16 * static_cast<int64_t>(kYamlMaxBytes),
                  line,
                  "aliases expand to more than the ",
                  kYamlMaxNodes,
                  " values allowed");
  }

  void open(Kind kind,
            YAML::Mark const& mark,
            YAML::anchor_t anchor,
            YAML::EmitterStyle::value style) {
    refuse_unless(static_cast<int>(open_.size()) < kYamlMaxDepth,
                  mark.line + 1,
                  "is nested deeper than the ",
                  kYamlMaxDepth,
                  " levels allowed");
    auto const layout = style == YAML::EmitterStyle::Flow ? Layout::flow : Layout::block;
    open_.push_back(
        {.node = {.kind = kind, .layout = layout, .line = mark.line + 1}, .anchor = anchor});
  }

  void close() {
    auto done = std::move(open_.back());
    open_.pop_back();
    finish(std::move(done.node), done.anchor);
  }

  void finish(YamlNode node, YAML::anchor_t anchor) {
    count({.nodes = 1, .bytes = static_cast<int64_t>(node.text.size())}, node.line);
    if (anchor != 0) {
      anchors_[anchor] = node;
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& parent = open_.back();
    if (parent.node.kind == Kind::list) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      refuse_unless(node.kind == Kind::scalar, node.line, "a key must be a word");
      refuse_unless(parent.node.find(node.text) == nullptr,
                    node.line,
                    "key '",
                    node.text,
                    "' stands twice; keep one");
      parent.has_key = true;
      parent.key = node.text;
      parent.key_line = node.line;
    } else {
      parent.has_key = false;
      parent.node.add(std::move(parent.key), std::move(node), parent.key_line);
    }
  }

  std::string const& where_;
  YamlNode root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  int64_t nodes_ = 0;
  int64_t bytes_ = 0;
};

bool is_plain_word(std::string const& text) {
  static std::vector<std::string> const kReserved = {
      "null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  if (text.empty() || text.find_first_of("~.-+") == 0) {
    return text.size() > 1 && (text[0] == '.' || text[0] == '-' || text[0] == '+') &&
           std::isdigit(static_cast<unsigned char>(text[1])) &&
           text.find_first_not_of("0123456789+-.eE", 1) == std::string::npos;
  }
  return std::find(kReserved.begin(), kReserved.end(), lower_case(text)) == kReserved.end() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '_' || c == '/' || c == '.' || c == '-' || c == '+';
         });
}

std::string in_quotes(std::string const& text) {
  static char const* const kHex = "0123456789ABCDEF";
  std::string out = "\"";
  for (auto const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

class Printer {
 public:
  std::string text;

  void inline_node(YamlNode const& node) {
    switch (node.kind) {
      case Kind::null:
        text += "null";
        break;
      case Kind::scalar:
        text += scalar_text(node);
        break;
      case Kind::list:
      case Kind::map:
        flow(node);
        break;
    }
  }

  /// The first entry continues the line begun by the caller: "- a: 1" is one line.
  void block(YamlNode const& node, std::string const& indent) {
    for (size_t i = 0; i < node.items.size(); ++i) {
      bool const is_map = node.kind == Kind::map;
      go_to(is_map ? node.key_lines[i] : node.items[i].line);
      text +=
          (i == 0 && !at_line_start() ? "" : indent) + (is_map ? word(node.keys[i]) + ":" : "-");
      auto const& item = node.items[i];
      if (item.layout == Layout::block && !item.items.empty()) {
        is_map ? newline() : void(text += ' ');
        block(item, indent + "  ");
      } else {
        text += ' ';
        inline_node(item);
        newline();
      }
    }
  }

 private:
  static std::string word(std::string const& key) {
    return is_plain_word(key) ? key : in_quotes(key);
  }

  static std::string scalar_text(YamlNode const& node) {
    // Unquoted text keeps its meaning (true stays a bool) and is quoted only where YAML would
    // misread it.
    bool const is_reserved_word =
        node.quotes == Quotes::none && node.text.size() <= 5 && !node.text.empty() &&
        std::all_of(
            node.text.begin(), node.text.end(), [](unsigned char c) { return std::isalpha(c); });
    bool const is_quoted_number =
        node.quotes == Quotes::some && node.text.find_first_of("0123456789+-.") == 0;
    bool const plain = is_plain_word(node.text) || (is_reserved_word && node.text != "null");
    return plain && !is_quoted_number ? node.text : in_quotes(node.text);
  }

  void flow(YamlNode const& node) {
    bool const is_map = node.kind == Kind::map;
    text += is_map ? '{' : '[';
    for (size_t i = 0; i < node.items.size(); ++i) {
      text += i ? ", " : "";
      go_to(is_map ? node.key_lines[i] : node.items[i].line);
      text += is_map ? word(node.keys[i]) + ": " : "";
      inline_node(node.items[i]);
    }
    text += is_map ? '}' : ']';
  }

  bool at_line_start() const { return text.empty() || text.back() == '\n'; }

  void newline() {
    text += '\n';
    ++line_;
  }

  void go_to(int line) {
    while (line_ < line) {
      newline();
    }
  }

  int line_ = 1;
};

void forget_lines(YamlNode& node) {
  node.line = 0;
  node.layout = Layout::flow;
  std::fill(node.key_lines.begin(), node.key_lines.end(), 0);
  std::for_each(node.items.begin(), node.items.end(), forget_lines);
}

}  // namespace

YamlNode YamlNode::scalar(std::string text) {
  return {.kind = Kind::scalar, .text = std::move(text)};
}

YamlNode YamlNode::quoted(std::string text) {
  return {.kind = Kind::scalar, .text = std::move(text), .quotes = Quotes::some};
}

YamlNode YamlNode::flow_list(std::vector<YamlNode> items) {
  return {.kind = Kind::list, .layout = Layout::flow, .items = std::move(items)};
}

YamlNode YamlNode::map() {
  return {.kind = Kind::map};
}

YamlNode const* YamlNode::find(std::string const& key) const {
  auto const at = std::find(keys.begin(), keys.end(), key);
  return at == keys.end() ? nullptr : &items[static_cast<size_t>(at - keys.begin())];
}

YamlNode* YamlNode::find(std::string const& key) {
  return const_cast<YamlNode*>(std::as_const(*this).find(key));
}

void YamlNode::add(std::string key, YamlNode value, int line) {
  keys.push_back(std::move(key));
  key_lines.push_back(line);
  items.push_back(std::move(value));
}

YamlNode parse_yaml(std::string const& text, std::string const& where) {
  require(text.size() <= kYamlMaxBytes,
          where,
          " has ",
          text.size(),
          " bytes; a configuration has at most ",
          kYamlMaxBytes);
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    TreeBuilder builder(where);
    parser.HandleNextDocument(builder);
    TreeBuilder second(where);
    require(!parser.HandleNextDocument(second),
            where,
            " holds several YAML documents ('---'); keep one");
    return builder.take();
  } catch (YAML::Exception const& error) {
    auto const place =
        error.mark.is_null() ? std::string() : concat(", line ", error.mark.line + 1);
    throw Error(concat(where, place, ": not YAML: ", error.msg));
  }
}

std::string print_yaml(YamlNode const& node) {
  Printer printer;
  if (node.layout == Layout::block && !node.items.empty()) {
    printer.block(node, "");
  } else {
    printer.inline_node(node);
    printer.text += '\n';
  }
  return std::move(printer.text);
}

std::string print_yaml_line(YamlNode const& node) {
  auto copy = node;
  forget_lines(copy);
  Printer printer;
  printer.inline_node(copy);
  return std::move(printer.text);
}

}  // namespace eddyline
