#include "surrogates/adaptation/adapter.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/error.hpp"
#include "surrogates/adaptation/name_pattern.hpp"
#include "surrogates/layers/initial.hpp"

namespace eddyline {
namespace {

/// First of the streams that A are drawn from, far from any layer number.
constexpr uint64_t kAdapterStreams = 0x4c6f5241'0000;
constexpr char const* kLayers = "train.adapt.layers";
constexpr char const* kTrain = "train.adapt.train";

int64_t columns(at::Tensor const& weight) {
  return weight.numel() / std::max<int64_t>(weight.size(0), 1);
}

/// Weights of linear maps and convolutions; scales of norms, tables and biases are not.
bool is_matrix(std::string const& name, at::Tensor const& value) {
  return name.ends_with("weight") && value.dim() >= 2 && value.size(0) > 1 && columns(value) > 1;
}

/// What low_rank_sum computes, and its gradient. A and B are kept in a way that a backward pass
/// does not free: a network that recomputes parts of itself goes through here once for each part.
class LowRankSum : public torch::autograd::Function<LowRankSum> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            at::Tensor const& base,
                            at::Tensor const& a,
                            at::Tensor const& b,
                            double scale) {
    context->saved_data["a"] = a.detach();
    context->saved_data["b"] = b.detach();
    context->saved_data["scale"] = scale;
    return at::addmm(base.reshape({base.size(0), -1}), b, a, 1, scale).view(base.sizes());
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list const& gradients) {
    auto const a = context->saved_data["a"].toTensor();
    auto const b = context->saved_data["b"].toTensor();
    auto const scale = context->saved_data["scale"].toDouble();
    auto const whole = gradients[0].reshape({gradients[0].size(0), -1});  // (out, in)
    return {{}, at::matmul(b.t(), whole) * scale, at::matmul(whole, a.t()) * scale, {}};
  }
};

/// Copies tensors[name] over `into`.
void fetch(std::map<std::string, at::Tensor> const& tensors,
           std::string const& name,
           at::Tensor const& into) {
  auto const found = tensors.find(name);
  require(found != tensors.end(), "the checkpoint has no tensor '", name, "'");
  require(found->second.sizes() == into.sizes(),
          "the checkpoint's '",
          name,
          "' has shape (",
          found->second.sizes().vec(),
          "), the adapter's has (",
          into.sizes().vec(),
          ")");
  into.copy_(found->second);
}

at::Tensor host_copy(at::Tensor const& tensor) {
  return tensor.detach().to(at::kCPU).contiguous();
}

}  // namespace

at::Tensor low_rank_sum(at::Tensor const& base,
                        at::Tensor const& a,
                        at::Tensor const& b,
                        double scale) {
  return LowRankSum::apply(base, a, b, scale);
}

Adapter::Adapter(Surrogate& network,
                 AdaptConfig const& config,
                 std::vector<std::string> const& fresh,
                 uint64_t seed)
    : scale_(config.scale()) {
  for (auto const& item : network.named_parameters()) {
    parameters_[item.key()] = item.value();
    names_.push_back(item.key());
  }
  for (auto const& group : network.parameter_groups()) {
    learns_.insert(group.parameters.begin(), group.parameters.end());
  }
  choose_trained(config, fresh);
  for (auto const& name : adapted(config)) {
    auto const& value = parameters_.at(name);
    Update update{.weight = name,
                  .value = value,
                  .base = value.detach().clone(),
                  .a = at::zeros({config.rank, columns(value)}, value.options()),
                  .b = at::zeros({value.size(0), config.rank}, value.options())};
    fill_symmetric(
        update.a,
        1 / std::sqrt(static_cast<double>(columns(value))),
        {.seed = seed, .step = kInitialStep, .layer = kAdapterStreams + updates_.size()});
    update.a.set_requires_grad(true);
    update.b.set_requires_grad(true);
    update.value.set_requires_grad(false);
    updates_.push_back(std::move(update));
  }
}

void Adapter::choose_trained(AdaptConfig const& config, std::vector<std::string> const& fresh) {
  for (auto const& pattern : config.train) {
    bool any = false;
    for (auto const& name : names_that_fit(pattern, names_, kTrain)) {
      if (learns_.contains(name)) {
        any = true;
        trained_[name] = parameters_.at(name);
      }
    }
    require(any,
            kTrain,
            ": '",
            pattern,
            "' fits parameters that the network itself keeps frozen; change the model section, or "
            "leave the pattern out");
  }
  for (auto const& name : names_) {
    auto const begins = [&](std::string const& start) { return name.starts_with(start); };
    if (learns_.contains(name) && std::any_of(fresh.begin(), fresh.end(), begins)) {
      trained_[name] = parameters_.at(name);
    }
  }
}

std::vector<std::string> Adapter::adapted(AdaptConfig const& config) const {
  std::set<std::string> chosen;
  for (auto const& pattern : config.layers) {
    auto const found = names_that_fit(pattern, names_, kLayers);
    auto const before = chosen.size();
    bool is_known = false;
    for (auto const& name : found) {
      if (is_matrix(name, parameters_.at(name)) && !trains(name)) {
        is_known = is_known || chosen.contains(name);
        chosen.insert(name);
      }
    }
    require(is_known || chosen.size() > before,
            kLayers,
            ": '",
            pattern,
            "' fits '",
            found.front(),
            "', but no weight of a linear map or a convolution that ",
            kTrain,
            " does not train already");
  }
  std::vector<std::string> ordered;
  std::copy_if(names_.begin(), names_.end(), std::back_inserter(ordered), [&](auto const& name) {
    return chosen.contains(name);
  });
  for (auto const& name : ordered) {
    auto const& value = parameters_.at(name);
    auto const most = std::min(value.size(0), columns(value));
    require(config.rank <= most,
            "train.adapt.rank is ",
            config.rank,
            ", but '",
            name,
            "' is a matrix (",
            value.size(0),
            ", ",
            columns(value),
            "); set it to at most ",
            most,
            ", or let ",
            kLayers,
            " leave that weight out");
  }
  return ordered;
}

Adapter::Update const* Adapter::update_of(std::string const& parameter) const {
  auto const found = std::find_if(updates_.begin(), updates_.end(), [&](Update const& update) {
    return update.weight == parameter;
  });
  return found == updates_.end() ? nullptr : &*found;
}

void Adapter::attach() {
  for (auto& update : updates_) {
    update.value.detach_();  // the graph of the step before
    update.value.copy_(low_rank_sum(update.base, update.a, update.b, scale_));
  }
}

void Adapter::settle() {
  at::NoGradGuard const no_grad;
  attach();
}

std::map<std::string, at::Tensor> Adapter::tensors() const {
  std::map<std::string, at::Tensor> own;
  for (auto const& update : updates_) {
    own["adapter/" + update.weight + ".A"] = host_copy(update.a);
    own["adapter/" + update.weight + ".B"] = host_copy(update.b);
  }
  for (auto const& [name, value] : trained_) {
    own["adapter/" + name] = host_copy(value);
  }
  return own;
}

std::map<std::string, at::Tensor> Adapter::state() const {
  std::map<std::string, at::Tensor> state;
  for (auto const& update : updates_) {
    state["adapter/" + update.weight + ".A"] = host_copy(update.a);
    state["adapter/" + update.weight + ".B"] = host_copy(update.b);
    state["adapter/" + update.weight + ".base"] = host_copy(update.base);
  }
  return state;
}

void Adapter::load(std::map<std::string, at::Tensor> const& tensors) {
  at::NoGradGuard const no_grad;
  for (auto const& update : updates_) {
    fetch(tensors, "adapter/" + update.weight + ".A", update.a);
    fetch(tensors, "adapter/" + update.weight + ".B", update.b);
    fetch(tensors, "adapter/" + update.weight + ".base", update.base);
  }
  settle();
}

}  // namespace eddyline
