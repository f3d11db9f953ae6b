#include "surrogates/checkpoints/pickle.hpp"

#include <array>
#include <unordered_map>
#include <utility>

#include "core/error.hpp"
#include "surrogates/checkpoints/byte_reader.hpp"

namespace eddyline {
namespace {

constexpr size_t kMostObjects = size_t{1} << 22;
constexpr size_t kMostMarks = size_t{1} << 16;
constexpr size_t kMostDimensions = 16;
constexpr size_t kMostKeyBytes = 64;
constexpr auto kOrderedDict = "collections.OrderedDict";
constexpr auto kRebuildTensor = "torch._utils._rebuild_tensor_v2";
constexpr auto kRebuildParameter = "torch._utils._rebuild_parameter";

struct StorageType {
  char const* name;
  c10::ScalarType type;
};
constexpr std::array kStorageTypes = {
    StorageType{"torch.FloatStorage", c10::kFloat},
    StorageType{"torch.DoubleStorage", c10::kDouble},
    StorageType{"torch.HalfStorage", c10::kHalf},
    StorageType{"torch.BFloat16Storage", c10::kBFloat16},
    StorageType{"torch.LongStorage", c10::kLong},
    StorageType{"torch.IntStorage", c10::kInt},
    StorageType{"torch.ShortStorage", c10::kShort},
    StorageType{"torch.CharStorage", c10::kChar},
    StorageType{"torch.ByteStorage", c10::kByte},
    StorageType{"torch.BoolStorage", c10::kBool},
    StorageType{"torch.ComplexFloatStorage", c10::kComplexFloat},
    StorageType{"torch.ComplexDoubleStorage", c10::kComplexDouble}};

StorageType const* storage_type(std::string const& name) {
  for (auto const& known : kStorageTypes) {
    if (name == known.name) {
      return &known;
    }
  }
  return nullptr;
}

/// Global names that may stand in a checkpoint. They are recognised, never imported.
bool is_allowed(std::string const& name) {
  return name == kOrderedDict || name == kRebuildTensor || name == kRebuildParameter ||
         storage_type(name) != nullptr;
}

}  // namespace

/// The stack machine of the pickle format; see pickletools.py of CPython for the operations.
class Unpickler {
 public:
  explicit Unpickler(std::string const& bytes) : in_(bytes) {}

  PickleDocument run() {
    while (true) {
      auto const operation = static_cast<char>(in_.byte());
      if (operation == '.') {
        document_.root_ = pop();
        return std::move(document_);
      }
      require(scalar(operation) || text(operation) || container(operation) || memory(operation) ||
                  object(operation),
              "the pickle uses operation ",
              int{static_cast<uint8_t>(operation)},
              " at byte ",
              in_.position() - 1,
              ", which a file of tensors does not need; save it again with torch.save and pickle "
              "protocol 2");
    }
  }

 private:
  bool scalar(char operation) {
    switch (operation) {
      case '\x80':
        require(in_.byte() <= 5, "the pickle's protocol is newer than 5");
        return true;
      case '\x95':
        in_.number(8);  // frame: a hint for buffering
        return true;
      case 'N':
        return push({.kind = PickleKind::none});
      case '\x88':
      case '\x89':
        return push({.kind = PickleKind::boolean, .integer = operation == '\x88'});
      case 'J':
        return push({.kind = PickleKind::integer, .integer = static_cast<int32_t>(in_.number(4))});
      case 'K':
        return push({.kind = PickleKind::integer, .integer = static_cast<int64_t>(in_.number(1))});
      case 'M':
        return push({.kind = PickleKind::integer, .integer = static_cast<int64_t>(in_.number(2))});
      case '\x8a':
        return push({.kind = PickleKind::integer, .integer = in_.long_integer()});
      case 'G':
        return push({.kind = PickleKind::real, .real = in_.big_endian_double()});
      default:
        return false;
    }
  }

  bool text(char operation) {
    switch (operation) {
      case 'X':
      case 'B':
      case 'T':
        return push_text(in_.number(4));
      case '\x8c':
      case 'C':
      case 'U':
        return push_text(in_.number(1));
      case '\x8d':
      case '\x8e':
        return push_text(in_.number(8));
      default:
        return false;
    }
  }

  bool container(char operation) {
    switch (operation) {
      case '(':
        require(marks_.size() < kMostMarks, "the pickle is nested more than ", kMostMarks, " deep");
        marks_.push_back(stack_.size());
        return true;
      case ')':
      case 't':
        return push({.kind = PickleKind::tuple,
                     .children = operation == ')' ? std::vector<int32_t>{} : pop_mark()});
      case '\x85':
      case '\x86':
      case '\x87':
        return push({.kind = PickleKind::tuple,
                     .children = pop_many(static_cast<size_t>(operation - '\x84'))});
      case ']':
      case 'l':
        return push({.kind = PickleKind::list,
                     .children = operation == ']' ? std::vector<int32_t>{} : pop_mark()});
      case '}':
      case 'd':
        return push({.kind = PickleKind::dict,
                     .children = operation == '}' ? std::vector<int32_t>{} : pairs(pop_mark())});
      case 'a':
        return extend(PickleKind::list, pop_many(1));
      case 'e':
        return extend(PickleKind::list, pop_mark());
      case 's':
        return extend(PickleKind::dict, pop_many(2));
      case 'u':
        return extend(PickleKind::dict, pairs(pop_mark()));
      default:
        return false;
    }
  }

  bool memory(char operation) {
    switch (operation) {
      case 'q':
        return remember(in_.number(1));
      case 'r':
        return remember(in_.number(4));
      case '\x94':
        return remember(memo_.size());
      case 'h':
        return recall(in_.number(1));
      case 'j':
        return recall(in_.number(4));
      case '0':
        pop();
        return true;
      case '1':
        pop_mark();
        return true;
      case '2':
        stack_.push_back(top());
        return true;
      default:
        return false;
    }
  }

  bool object(char operation) {
    switch (operation) {
      case 'c': {
        auto const module = in_.line();
        return push_global(module + "." + in_.line());
      }
      case '\x93': {
        auto const parts = pop_many(2);
        require(node(parts[0]).kind == PickleKind::text && node(parts[1]).kind == PickleKind::text,
                "the pickle names a global without text");
        return push_global(node(parts[0]).text + "." + node(parts[1]).text);
      }
      case 'Q':
        return push_storage(pop());
      case 'R': {
        auto const arguments = pop();
        return reduce(pop(), arguments);
      }
      case 'b': {
        pop();  // the attributes of an OrderedDict (`_metadata`): nothing that we need
        require(node(top()).kind == PickleKind::dict,
                "the pickle sets attributes of a ",
                to_string(node(top()).kind),
                "; only an OrderedDict may have some");
        return true;
      }
      default:
        return false;
    }
  }

  bool push(PickleNode node) {
    require(document_.nodes_.size() < kMostObjects,
            "the pickle holds more than ",
            kMostObjects,
            " objects");
    document_.nodes_.push_back(std::move(node));
    stack_.push_back(static_cast<int32_t>(document_.nodes_.size() - 1));
    return true;
  }
  bool push_text(uint64_t count) {
    return push({.kind = PickleKind::text, .text = std::string(in_.view(count))});
  }
  bool push_global(std::string const& name) {
    require(is_allowed(name),
            "the pickle asks for '",
            name,
            "', which a file of tensors does not need; it was not run. Only OrderedDict, torch's "
            "tensor and its storages are "
            "allowed: load the file in Python where you trust it, and save the state dict alone");
    return push({.kind = PickleKind::global, .text = name});
  }

  /// ('storage', type, key, location, elements)
  bool push_storage(int32_t id) {
    auto const& parts = node(id).children;
    require(node(id).kind == PickleKind::tuple && parts.size() == 5 &&
                node(parts[0]).text == "storage" && node(parts[1]).kind == PickleKind::global &&
                node(parts[2]).kind == PickleKind::text &&
                node(parts[2]).text.size() <= kMostKeyBytes &&
                node(parts[4]).kind == PickleKind::integer && node(parts[4]).integer >= 0,
            "the pickle names a storage in a way that torch.save does not");
    auto const* const type = storage_type(node(parts[1]).text);
    require(type != nullptr, "the pickle names a storage of type '", node(parts[1]).text, "'");
    auto tensor = std::make_shared<PickledTensor>();
    tensor->storage = {
        .type = type->type, .key = node(parts[2]).text, .elements = node(parts[4]).integer};
    return push({.kind = PickleKind::storage, .tensor = std::move(tensor)});
  }

  bool reduce(int32_t callable, int32_t arguments) {
    require(node(callable).kind == PickleKind::global && node(arguments).kind == PickleKind::tuple,
            "the pickle calls a ",
            to_string(node(callable).kind));
    auto const& name = node(callable).text;
    auto const& parts = node(arguments).children;
    if (name == kOrderedDict) {
      require(parts.empty(), "the pickle makes an OrderedDict from arguments");
      return push({.kind = PickleKind::dict});
    }
    if (name == kRebuildParameter) {
      require(!parts.empty() && node(parts[0]).kind == PickleKind::tensor,
              "the pickle makes a parameter from something else than a tensor");
      stack_.push_back(parts[0]);
      return true;
    }
    require(name == kRebuildTensor, "the pickle calls '", name, "'");
    require(parts.size() >= 4 && node(parts[0]).kind == PickleKind::storage &&
                node(parts[1]).kind == PickleKind::integer,
            "the pickle makes a tensor from something else than a storage");
    auto tensor = std::make_shared<PickledTensor>(*node(parts[0]).tensor);
    tensor->offset = node(parts[1]).integer;
    tensor->sizes = integers(parts[2]);
    tensor->strides = integers(parts[3]);
    require(tensor->sizes.size() == tensor->strides.size(),
            "the pickle makes a tensor of ",
            tensor->sizes.size(),
            " sizes and ",
            tensor->strides.size(),
            " strides");
    return push({.kind = PickleKind::tensor, .tensor = std::move(tensor)});
  }

  std::vector<int64_t> integers(int32_t tuple) const {
    auto const& parts = node(tuple).children;
    require(node(tuple).kind == PickleKind::tuple && parts.size() <= kMostDimensions,
            "the pickle makes a tensor of a strange shape");
    std::vector<int64_t> values;
    for (auto const part : parts) {
      require(node(part).kind == PickleKind::integer,
              "the pickle makes a tensor of a strange shape");
      values.push_back(node(part).integer);
    }
    return values;
  }

  static std::vector<int32_t> pairs(std::vector<int32_t> items) {
    require(items.size() % 2 == 0, "the pickle holds a key without a value");
    return items;
  }
  bool extend(PickleKind kind, std::vector<int32_t> const& items) {
    auto& target = document_.nodes_[static_cast<size_t>(top())];
    require(target.kind == kind, "the pickle appends to a ", to_string(target.kind));
    target.children.insert(target.children.end(), items.begin(), items.end());
    return true;
  }
  bool remember(uint64_t key) {
    memo_[key] = top();
    return true;
  }
  bool recall(uint64_t key) {
    auto const found = memo_.find(key);
    require(found != memo_.end(), "the pickle recalls an object that it did not remember");
    stack_.push_back(found->second);
    return true;
  }
  PickleNode const& node(int32_t index) const { return document_[index]; }
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  int32_t top() const {
    require(stack_.size() > floor(), "the pickle takes more than it put");
    return stack_.back();
  }
  int32_t pop() {
    auto const index = top();
    stack_.pop_back();
    return index;
  }
  std::vector<int32_t> pop_many(size_t count) {
    require(stack_.size() >= floor() + count, "the pickle takes more than it put");
    std::vector<int32_t> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }
  std::vector<int32_t> pop_mark() {
    require(!marks_.empty(), "the pickle takes more than it put");
    auto items = pop_many(stack_.size() - marks_.back());
    marks_.pop_back();
    return items;
  }

  ByteReader in_;
  PickleDocument document_;
  std::vector<int32_t> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, int32_t> memo_;
};

PickleDocument PickleDocument::parse(std::string const& bytes) {
  return Unpickler(bytes).run();
}

int32_t PickleDocument::find(int32_t dict, std::string const& key) const {
  auto const& items = (*this)[dict].children;
  int32_t found = -1;
  for (size_t i = 0; (*this)[dict].kind == PickleKind::dict && i + 1 < items.size(); i += 2) {
    auto const& name = (*this)[items[i]];
    found = name.kind == PickleKind::text && name.text == key ? items[i + 1] : found;
  }
  return found;
}

std::string to_string(PickleKind kind) {
  constexpr std::array names = {"none",
                                "boolean",
                                "integer",
                                "real",
                                "text",
                                "list",
                                "tuple",
                                "dict",
                                "storage",
                                "tensor",
                                "global"};
  return names[static_cast<size_t>(kind)];
}

std::string storage_type_name(c10::ScalarType type) {
  for (auto const& known : kStorageTypes) {
    if (known.type == type) {
      return std::string(known.name).substr(std::string_view("torch.").size());
    }
  }
  throw Error(concat("PyTorch files of type ", c10::toString(type), " are not written"));
}

}  // namespace eddyline
