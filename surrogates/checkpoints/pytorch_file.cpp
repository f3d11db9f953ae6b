#include "surrogates/checkpoints/pytorch_file.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/checkpoints/pickle.hpp"
#include "surrogates/checkpoints/zip_archive.hpp"

namespace eddyline {
namespace {

constexpr int64_t kMostPickleBytes = int64_t{1} << 26;
constexpr int64_t kMostValues = int64_t{1}
                                << 20;  // of one plain tree: shared parts may not multiply
constexpr int kMostDepth = 32;
constexpr std::string_view kPickleName = "data.pkl";
constexpr std::string_view kConstantsName = "constants.pkl";  // of a TorchScript module only
constexpr std::string_view kModulePrefix = "module.";         // of DataParallel and DDP
constexpr std::string_view kCompilePrefix = "_orig_mod.";     // of torch.compile

/// "name/" of "name/data.pkl"; torch.save puts everything into one folder.
std::string folder_of(ZipArchive const& archive) {
  std::string folder;
  int found = 0;
  for (auto const& [name, bytes] : archive.entries()) {
    if (name == kPickleName ||
        (name.ends_with(kPickleName) && name[name.size() - kPickleName.size() - 1] == '/')) {
      folder = name.substr(0, name.size() - kPickleName.size());
      ++found;
    }
  }
  require(found == 1, "it holds ", found, " entries 'data.pkl' where a file of torch.save has one");
  return folder;
}

/// Largest element that a tensor touches + 1; refuses negative numbers and overflow.
int64_t extent_of(PickledTensor const& tensor) {
  constexpr auto kMost = std::numeric_limits<int64_t>::max();
  int64_t last = tensor.offset;
  bool empty = false;
  bool valid = last >= 0;
  for (size_t i = 0; i < tensor.sizes.size() && valid; ++i) {
    auto const size = tensor.sizes[i];
    auto const stride = tensor.strides[i];
    valid = size >= 0 && stride >= 0 &&
            (size < 2 || stride == 0 || size - 1 <= (kMost - last) / stride);
    last += valid && size > 1 ? (size - 1) * stride : 0;
    empty = empty || size == 0;
  }
  require(valid && last < kMost, "a tensor has a negative or enormous shape");
  return empty ? 0 : last + 1;
}

class PytorchFile {
 public:
  explicit PytorchFile(std::filesystem::path const& path)
      : archive_(path), folder_(folder_of(archive_)) {
    if (archive_.size_of(folder_ + "byteorder") >= 0) {
      auto const order = archive_.read_text(folder_ + "byteorder", 16);
      require(order == "little",
              "its byte order is '",
              order,
              "'; only 'little' can be read: save it again on another machine");
    }
    require(archive_.size_of(folder_ + std::string(kConstantsName)) < 0,
            "it is a TorchScript module: code, which is not run here; train it with "
            "model.surrogate=script model.file=",
            path.string(),
            " --trust");
    document_ = PickleDocument::parse(
        archive_.read_text(folder_ + std::string(kPickleName), kMostPickleBytes));
  }

  PickleDocument const& document() const { return document_; }
  PickleNode const& node(int32_t index) const { return document_[index]; }

  at::Tensor tensor(int32_t index) {
    auto const& described = *node(index).tensor;
    auto const extent = extent_of(described);
    auto const storage = load(described.storage);
    require(extent <= storage.numel(),
            "a tensor reaches element ",
            extent,
            " of storage '",
            described.storage.key,
            "', which has ",
            storage.numel());
    int64_t elements = 1;
    for (auto const size : described.sizes) {
      require(size == 0 || elements <= std::max<int64_t>(storage.numel(), 1) / size,
              "a tensor repeats the elements of storage '",
              described.storage.key,
              "'; save a contiguous copy");
      elements *= size;
    }
    return storage.as_strided(described.sizes, described.strides, described.offset);
  }

  /// Plain values as JSON; tensors become null (they are read by name).
  nlohmann::json plain(int32_t index) {
    int64_t budget = kMostValues;
    return plain(index, 0, budget);
  }

 private:
  at::Tensor load(PickledStorage const& storage) {
    auto const found = storages_.find(storage.key);
    if (found != storages_.end()) {
      require(
          found->second.scalar_type() == storage.type && found->second.numel() == storage.elements,
          "storage '",
          storage.key,
          "' is named with two types or sizes");
      return found->second;
    }
    auto const name = folder_ + "data/" + storage.key;
    auto const item = static_cast<int64_t>(c10::elementSize(storage.type));
    auto const bytes = archive_.size_of(name);
    require(bytes >= 0, "it has no entry '", name, "'");
    require(storage.elements <= bytes / item,
            "entry '",
            name,
            "' holds ",
            bytes,
            " bytes, too few for ",
            storage.elements,
            " elements of ",
            item);
    auto loaded = at::empty({storage.elements}, at::dtype(storage.type));
    archive_.read(name, loaded.data_ptr(), storage.elements * item);
    if (storage.type == c10::kBool) {  // any other byte is no value of a bool
      loaded = loaded.view(at::kByte).ne(0);
    }
    return storages_.emplace(storage.key, loaded).first->second;
  }

  nlohmann::json plain(int32_t index, int depth, int64_t& budget) {
    require(depth < kMostDepth && --budget > 0, "its plain values are nested too deep or too many");
    auto const& value = node(index);
    switch (value.kind) {
      case PickleKind::boolean:
        return value.integer != 0;
      case PickleKind::integer:
        return value.integer;
      case PickleKind::real:
        return std::isfinite(value.real) ? nlohmann::json(value.real)
                                         : nlohmann::json(concat(value.real));
      case PickleKind::text:
      case PickleKind::global:
        return printable(value.text);
      case PickleKind::list:
      case PickleKind::tuple: {
        auto list = nlohmann::json::array();
        for (auto const child : value.children) {
          list.push_back(plain(child, depth + 1, budget));
        }
        return list;
      }
      case PickleKind::dict: {
        auto object = nlohmann::json::object();
        for (size_t i = 0; i + 1 < value.children.size(); i += 2) {
          auto const& key = node(value.children[i]);
          object[key.kind == PickleKind::integer ? concat(key.integer) : printable(key.text)] =
              plain(value.children[i + 1], depth + 1, budget);
        }
        return object;
      }
      default:
        return nullptr;
    }
  }

  /// JSON is UTF-8: other bytes would make dump() throw.
  static std::string printable(std::string const& text) {
    std::string clean;
    for (char const c : text.substr(0, 4096)) {
      clean += static_cast<unsigned char>(c) < 0x80 ? c : '?';
    }
    return clean;
  }

  ZipArchive archive_;
  std::string folder_;
  PickleDocument document_;
  std::map<std::string, at::Tensor> storages_;
};

/// True for a dict whose values are tensors under text keys, at least one.
bool is_state_dict(PytorchFile const& file, int32_t index) {
  auto const& items = file.node(index).children;
  bool all = file.node(index).kind == PickleKind::dict && !items.empty();
  for (size_t i = 0; i + 1 < items.size() && all; i += 2) {
    all = file.node(items[i]).kind == PickleKind::text &&
          file.node(items[i + 1]).kind == PickleKind::tensor;
  }
  return all;
}

/// Takes the names of what the network was wrapped in off the front of a key, each at most once, in
/// whatever order they come. \return  what was taken off
std::string unwrap(std::string& name) {
  std::string taken;
  auto const take = [&](std::string_view wrapper) {
    bool const there = name.starts_with(wrapper) && taken.find(wrapper) == std::string::npos;
    if (there) {
      name.erase(0, wrapper.size());
      taken += wrapper;
    }
    return there;
  };
  while (take(kModulePrefix) || take(kCompilePrefix)) {
  }
  return taken;
}

void read_parameters(PytorchFile& file, int32_t dict, PytorchCheckpoint& checkpoint) {
  auto const& items = file.node(dict).children;
  StateDict parameters;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    auto const& name = file.node(items[i]).text;
    with_context([&] { parameters.emplace_back(name, file.tensor(items[i + 1])); },
                 "reading parameter '",
                 name,
                 "'");
  }
  set_parameters(checkpoint, std::move(parameters));
}

void read_optimizer(PytorchFile& file, int32_t dict, PytorchCheckpoint& checkpoint) {
  auto const& document = file.document();
  if (auto const groups = document.find(dict, "param_groups"); groups >= 0) {
    checkpoint.param_groups = file.plain(groups);
  }
  auto const state = document.find(dict, "state");
  if (state < 0) {
    return;
  }
  require(file.node(state).kind == PickleKind::dict,
          "the optimiser's state is a ",
          to_string(file.node(state).kind));
  auto const& items = file.node(state).children;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    require(file.node(items[i]).kind == PickleKind::integer &&
                file.node(items[i + 1]).kind == PickleKind::dict,
            "the optimiser's state is not keyed by parameter numbers");
    auto& target = checkpoint.optimizer_state[file.node(items[i]).integer];
    auto const& values = file.node(items[i + 1]).children;
    for (size_t k = 0; k + 1 < values.size(); k += 2) {
      if (file.node(values[k + 1]).kind == PickleKind::tensor) {
        target[file.node(values[k]).text] = file.tensor(values[k + 1]);
      } else if (file.node(values[k + 1]).kind == PickleKind::integer) {
        // Before torch 1.12 the step was a number.
        target[file.node(values[k]).text] =
            at::scalar_tensor(static_cast<double>(file.node(values[k + 1]).integer), at::kFloat);
      }
    }
  }
}

PytorchCheckpoint read_archive(std::filesystem::path const& path) {
  PytorchFile file(path);
  auto const& document = file.document();
  auto const root = document.root();
  require(file.node(root).kind == PickleKind::dict,
          "it holds a ",
          to_string(file.node(root).kind),
          ", not a dict");
  PytorchCheckpoint checkpoint;
  int32_t parameters = is_state_dict(file, root) ? root : -1;
  for (auto const* key : {"model_state_dict", "state_dict", "model"}) {
    auto const found = parameters < 0 ? document.find(root, key) : -1;
    parameters = found >= 0 && is_state_dict(file, found) ? found : parameters;
  }
  require(parameters >= 0,
          "it has no state dict: no entry 'model_state_dict', 'state_dict' or 'model' that holds "
          "tensors by name");
  read_parameters(file, parameters, checkpoint);
  auto const& items = file.node(root).children;
  for (size_t i = 0; parameters != root && i + 1 < items.size(); i += 2) {
    auto const& key = file.node(items[i]).text;
    auto const value = items[i + 1];
    if (key == "optimizer_state_dict") {
      read_optimizer(file, value, checkpoint);
    } else if (key == "scheduler_state_dict") {
      checkpoint.scheduler = file.plain(value);
    } else if (value != parameters) {
      checkpoint.facts[key] = file.plain(value);
    }
  }
  return checkpoint;
}

}  // namespace

bool PytorchCheckpoint::has(std::string const& parameter) const {
  return std::any_of(parameters.begin(), parameters.end(), [&](auto const& entry) {
    return entry.first == parameter;
  });
}

void set_parameters(PytorchCheckpoint& checkpoint, StateDict parameters) {
  std::set<std::string> seen;
  for (auto& [name, value] : parameters) {
    auto const taken = unwrap(name);
    if (taken.size() > checkpoint.removed_prefix.size()) {
      checkpoint.removed_prefix = taken;
    }
    require(seen.insert(name).second, "it names parameter '", name, "' twice");
  }
  checkpoint.parameters = std::move(parameters);
}

PytorchCheckpoint read_pytorch(std::filesystem::path const& path) {
  return with_context(
      [&] { return read_archive(path); }, "reading PyTorch file '", path.string(), "'");
}

bool is_pytorch(std::filesystem::path const& path) {
  try {
    folder_of(ZipArchive(path));
    return true;
  } catch (Error const&) {
    return false;
  }
}

bool is_torchscript(std::filesystem::path const& path) {
  try {
    ZipArchive const archive(path);
    return archive.size_of(folder_of(archive) + std::string(kConstantsName)) >= 0;
  } catch (Error const&) {
    return false;
  }
}

}  // namespace eddyline
