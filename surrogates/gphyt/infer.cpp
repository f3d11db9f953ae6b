#include "surrogates/gphyt/infer.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr int64_t kHeadSize = 64;  // of sizes S, M and L
constexpr int64_t kWidthOfXL = 1280;
constexpr int64_t kHeadsOfXL = 16;
constexpr int64_t kPublishedHistory = 4;

using Sizes = std::vector<int64_t>;

/// The file's tensors by name, and its own configuration, if any.
class Stored {
 public:
  explicit Stored(PytorchCheckpoint const& checkpoint) {
    for (auto const& [name, tensor] : checkpoint.parameters) {
      tensors_[name] = tensor;
    }
    auto const& facts = checkpoint.facts;
    if (facts.contains("config") && facts["config"].is_object()) {
      config_ = facts["config"];
    }
    counts_epochs_ = facts.contains("epoch") && !facts.contains("cycle_idx");
  }

  bool has(std::string const& name) const { return tensors_.contains(name); }
  /// True if any name ends so.
  bool has_any(std::string const& ending) const {
    return std::any_of(tensors_.begin(), tensors_.end(), [&](auto const& item) {
      return item.first.ends_with(ending);
    });
  }
  at::Tensor const& tensor(std::string const& name, int64_t axes) const {
    auto const found = tensors_.find(name);
    require(found != tensors_.end() && found->second.dim() == axes,
            "the file holds no GPhyT: it has no '",
            name,
            "' of ",
            axes,
            " axes");
    return found->second;
  }
  /// How many of "<begin>0<end>", "<begin>1<end>", … there are, counted from `first`.
  int64_t count(std::string const& begin, std::string const& end, int64_t first) const {
    int64_t found = 0;
    while (has(concat(begin, first + found, end))) {
      ++found;
    }
    return found;
  }
  bool counts_epochs() const { return counts_epochs_; }

  /// A value of the file's configuration, by "model/transformer/att_mode".
  nlohmann::json const* find(std::string const& path) const {
    auto const pointer = nlohmann::json::json_pointer("/" + path);
    return config_.contains(pointer) && !config_[pointer].is_null() ? &config_[pointer] : nullptr;
  }
  std::optional<std::string> text(std::string const& path) const {
    auto const* value = find(path);
    return value && value->is_string() ? std::optional(value->get<std::string>()) : std::nullopt;
  }
  std::optional<double> number(std::string const& path) const {
    auto const* value = find(path);
    return value && value->is_number() ? std::optional(value->get<double>()) : std::nullopt;
  }
  std::optional<Sizes> sizes(std::string const& path) const {
    auto const* value = find(path);
    if (!value || !value->is_array() ||
        !std::all_of(value->begin(), value->end(), [](auto const& item) {
          return item.is_number_integer();
        })) {
      return std::nullopt;
    }
    return value->get<Sizes>();
  }

 private:
  std::map<std::string, at::Tensor> tensors_;
  nlohmann::json config_ = nlohmann::json::object();
  bool counts_epochs_ = false;
};

constexpr char const* kTokenizer = "tokenizer.tokenizer.";
constexpr char const* kDetokenizer = "detokenizer.detokenizer.";

/// Weights of the convolutions of one end, in their order.
std::vector<Sizes> end_weights(Stored const& stored,
                               std::string const& linear,
                               std::string const& stack) {
  std::vector<Sizes> weights;
  auto const count = stored.count(stack, ".0.weight", 1);
  for (int64_t i = 1; i <= count; ++i) {
    weights.push_back(stored.tensor(concat(stack, i, ".0.weight"), 5).sizes().vec());
  }
  if (weights.empty()) {
    weights.push_back(stored.tensor(linear + ".1.weight", 5).sizes().vec());
  }
  return weights;
}

Sizes kernel_of(Sizes const& weight) {
  return {weight.begin() + 2, weight.end()};
}

/// Frames and cells of a patch: given, else the file's buffer, else what a transposed stack of
/// kernels multiplies to, else the file's configuration, else the kernel of a linear tokeniser.
Sizes patch_of(Stored const& stored,
               GphytImport const& options,
               std::vector<Sizes> const& encoder,
               std::vector<Sizes> const& decoder) {
  Sizes patch;
  if (stored.has("tokenizer.patch_size")) {
    auto const buffer = stored.tensor("tokenizer.patch_size", 1).to(at::kLong);
    for (int64_t i = 0; i < buffer.numel(); ++i) {
      patch.push_back(buffer[i].item<int64_t>());
    }
  } else if (decoder.size() > 1) {
    patch = {1, 1, 1};
    for (auto const& weight : decoder) {
      for (size_t a = 0; a < 3; ++a) {
        patch[a] *= weight[a + 2];
      }
    }
  } else if (auto const sizes = stored.sizes("model/transformer/patch_size")) {
    patch = *sizes;
  } else if (encoder.size() == 1) {
    patch = kernel_of(encoder.front());
  }
  if (options.patch) {
    require(patch.size() == 3 || options.time_patch,
            "the file does not tell the frames of a patch; give import.time_patch");
    patch.resize(3, 1);
    patch[1] = (*options.patch)[1];
    patch[2] = (*options.patch)[2];
  }
  require(patch.size() == 3 && *std::min_element(patch.begin(), patch.end()) > 0,
          "the file does not tell the cells of a patch; give import.patch");
  patch[0] = options.time_patch.value_or(patch[0]);
  return patch;
}

/// How an end is made, told by the shapes of its weights.
GphytEndConfig end_of(std::vector<Sizes> const& weights,
                      size_t width_axis,
                      Sizes const& patch,
                      char const* key) {
  GphytEndConfig end;
  if (weights.size() > 1) {
    end.mode = GphytTokens::conv_net;
    end.channels = Sizes();
    for (size_t i = 0; i + 1 < weights.size(); ++i) {
      end.channels->push_back(weights[i][width_axis]);
    }
    return end;
  }
  auto const kernel = kernel_of(weights.front());
  end.overlap = kernel[0] - patch[0];
  for (size_t a = 0; a < 3; ++a) {
    require(end.overlap >= 0 && kernel[a] - patch[a] == end.overlap,
            "the kernel of the ",
            key,
            " has ",
            kernel,
            " frames and cells where the patch has ",
            patch,
            "; they must differ by one overlap on all axes: give import.patch and "
            "import.time_patch");
  }
  return end;
}

GphytSize size_of(GphytShape const& shape) {
  for (auto const& [size, name] : EnumNames<GphytSize>::names) {
    auto const preset = shape_of(GphytConfig{.size = size});
    if (preset.hidden_dim == shape.hidden_dim && preset.mlp_dim == shape.mlp_dim &&
        preset.num_layers == shape.num_layers && preset.num_heads == shape.num_heads) {
      return size;
    }
  }
  return GphytSize::S;
}

GphytShape shape_in(Stored const& stored, GphytImport const& options) {
  constexpr char const* kBlock = "attention_blocks.";
  auto const width = stored.tensor("attention_blocks.0.attention.to_qkv.weight", 2).size(1);
  auto const heads = width == kWidthOfXL ? kHeadsOfXL : std::max<int64_t>(1, width / kHeadSize);
  return {.hidden_dim = width,
          .mlp_dim = stored.tensor("attention_blocks.0.mlp.mlp.0.weight", 2).size(0),
          .num_heads = options.num_heads.value_or(heads),
          .num_layers = stored.count(kBlock, ".norm1.weight", 0)};
}

GphytAttentionMode attention_of(Stored const& stored, GphytImport const& options) {
  bool const masked = stored.has_any(".attention.mask");
  auto mode = masked ? GphytAttentionMode::full_causal : GphytAttentionMode::full;
  auto const named = stored.text("model/transformer/att_mode");
  for (auto const& [value, name] : EnumNames<GphytAttentionMode>::names) {
    mode = named == name ? value : mode;
  }
  mode = options.attention.value_or(mode);
  require(!masked || mode == GphytAttentionMode::full_causal,
          "the file has masks of causal attention: leave import.attention empty, or full_causal");
  return mode;
}

GphytIntegrator integrator_of(Stored const& stored, GphytImport const& options) {
  if (options.integrator) {
    return *options.integrator;
  }
  auto const* named = stored.find("model/transformer");
  if (!named || !named->contains("integrator")) {
    return GphytIntegrator::euler;
  }
  auto const name = stored.text("model/transformer/integrator").value_or("");
  return name == "Euler"  ? GphytIntegrator::euler
         : name == "Heun" ? GphytIntegrator::heun
         : name == "RK4"  ? GphytIntegrator::rk4
                          : GphytIntegrator::none;  // upstream: any other text
}

int64_t history_of(Stored const& stored, GphytImport const& options, int64_t in_table) {
  if (in_table > 0) {
    require(!options.history || *options.history == in_table,
            "import.history is ",
            options.history.value_or(0),
            " but the table of positions is of ",
            in_table,
            " frames; leave it empty");
    return in_table;
  }
  auto const image = stored.sizes("model/img_size");
  auto const steps = stored.number("data/n_steps_input");
  auto const told = image && !image->empty() ? image->front()
                    : steps                  ? static_cast<int64_t>(*steps)
                                             : kPublishedHistory;
  return options.history.value_or(told);
}

}  // namespace

bool is_gphyt_buffer(std::string const& name) {
  return name.starts_with("derivatives.") || name == "tokenizer.patch_size" ||
         name.ends_with(".attention.mask") || name.ends_with("_inv_freq");
}

GphytFound infer_gphyt(PytorchCheckpoint const& checkpoint, GphytImport const& options) {
  Stored const stored(checkpoint);
  auto const shape = shape_in(stored, options);
  auto const encoder =
      end_weights(stored, concat(kTokenizer, "to_patch_embedding"), concat(kTokenizer, "encoder."));
  auto const decoder = end_weights(
      stored, concat(kDetokenizer, "from_patch_embedding"), concat(kDetokenizer, "decoder."));
  auto const patch = patch_of(stored, options, encoder, decoder);
  auto const channels = encoder.front()[1];
  GphytFound found{.fields = decoder.back()[1]};
  require(channels == found.fields || channels == 4 * found.fields,
          "the tokeniser reads ",
          channels,
          " channels where ",
          found.fields,
          " fields are written; GPhyT reads the fields, or them and three derivatives of each");
  bool const has_table = stored.has("init_pos_encodings.pe");
  auto const table = has_table ? stored.tensor("init_pos_encodings.pe", 5).sizes().vec() : Sizes();
  if (has_table) {
    found.cells = {table[2] * patch[1], table[3] * patch[2]};
  }
  found.config = {
      .size = size_of(shape),
      .hidden_dim = shape.hidden_dim,
      .mlp_dim = shape.mlp_dim,
      .num_heads = shape.num_heads,
      .num_layers = shape.num_layers,
      .patch = {1, patch[1], patch[2]},
      .time_patch = patch[0],
      .history = history_of(stored, options, has_table ? table[1] * patch[0] : 0),
      .positions = has_table ? GphytPositions::absolute : GphytPositions::rope,
      .attention = attention_of(stored, options),
      .derivatives = channels != found.fields,
      .differences = options.differences,
      .integrator = integrator_of(stored, options),
      .forward_semantics = options.forward_semantics.value_or(
          stored.counts_epochs() ? GphytForward::head : GphytForward::v1),
      .tokenizer = end_of(encoder, 0, patch, "tokeniser"),
      .detokenizer = end_of(decoder, 1, patch, "detokeniser"),
      .dropout = options.dropout.value_or(stored.number("model/transformer/dropout").value_or(0)),
      .stochastic_depth = options.stochastic_depth.value_or(
          stored.number("model/transformer/stochastic_depth_rate").value_or(0))};
  found.config = checked(found.config);
  return found;
}

}  // namespace eddyline
