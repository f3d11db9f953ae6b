#include "surrogates/layers/copy_values.hpp"

#include "core/error.hpp"

namespace eddyline {
namespace {

using Values = torch::OrderedDict<std::string, at::Tensor>;

void copy_all(Values const& from, Values const& to) {
  EDDYLINE_ENSURE(from.keys() == to.keys(), "the modules hold other names");
  for (auto const& item : to) {
    item.value().set_data(from[item.key()].detach().clone());
    item.value().set_requires_grad(false);
  }
}

}  // namespace

void copy_values(torch::nn::Module const& from, torch::nn::Module& to) {
  copy_all(from.named_parameters(), to.named_parameters());
  copy_all(from.named_buffers(), to.named_buffers());
}

}  // namespace eddyline
