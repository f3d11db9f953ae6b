#include "surrogates/script/module_tree.hpp"

#include <set>

#include "core/error.hpp"

namespace eddyline {
namespace {

using Seen = std::set<c10::TensorImpl*>;

void adopt_part(torch::nn::Module& into,
                torch::jit::Module const& from,
                std::string const& path,
                Seen& seen) {
  for (auto const& item : from.named_parameters(/*recurse=*/false)) {
    require(item.value.scalar_type() == at::kFloat,
            "parameter '",
            path,
            item.name,
            "' is of type ",
            c10::toString(item.value.scalar_type()),
            "; only Float is trained here: export net.float()");
    if (seen.insert(item.value.unsafeGetTensorImpl()).second) {
      into.register_parameter(item.name, item.value, item.value.requires_grad());
    }
  }
  for (auto const& item : from.named_buffers(/*recurse=*/false)) {
    if (seen.insert(item.value.unsafeGetTensorImpl()).second) {
      into.register_buffer(item.name, item.value);
    }
  }
  for (auto const& item : from.named_children()) {
    auto const part = std::make_shared<torch::nn::Module>(item.name);
    into.register_module(item.name, part);
    adopt_part(*part, item.value, path + item.name + ".", seen);
  }
}

}  // namespace

void adopt(torch::nn::Module& into, torch::jit::Module const& from) {
  Seen seen;
  adopt_part(into, from, "", seen);
  require(!into.parameters().empty(),
          "it has no parameters, so there is nothing to train; export the network itself, not "
          "frozen (torch.jit.freeze) or traced with its weights as constants");
}

}  // namespace eddyline
