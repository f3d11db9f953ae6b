#include "data/sharding/exchange.hpp"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

namespace eddyline {
namespace {

/// What autograd keeps of a map.
struct KeptMap final : torch::CustomClassHolder {
  explicit KeptMap(TensorMap made) : map(std::move(made)) {}
  TensorMap map;
};

class Exchange final : public torch::autograd::Function<Exchange> {
 public:
  using Context = torch::autograd::AutogradContext;

  static at::Tensor forward(Context* context,
                            at::Tensor const& x,
                            TensorMap const& apply,
                            TensorMap const& adjoint) {
    context->saved_data["adjoint"] =
        c10::IValue::make_capsule(c10::make_intrusive<KeptMap>(adjoint));
    return apply(x);
  }

  static torch::autograd::variable_list backward(Context* context,
                                                 torch::autograd::variable_list const& gradients) {
    auto const adjoint =
        c10::static_intrusive_pointer_cast<KeptMap>(context->saved_data["adjoint"].toCapsule());
    return {adjoint->map(gradients[0]), {}, {}};
  }
};

}  // namespace

at::Tensor exchange(at::Tensor const& x, TensorMap const& apply, TensorMap const& adjoint) {
  if (!at::GradMode::is_enabled() || !x.requires_grad()) {
    at::NoGradGuard const no_grad;
    return apply(x);
  }
  return Exchange::apply(x, apply, adjoint);
}

}  // namespace eddyline
