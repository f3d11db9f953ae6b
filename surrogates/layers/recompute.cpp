#include "surrogates/layers/recompute.hpp"

#include <utility>

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

namespace eddyline {
namespace {

using Tensors = torch::autograd::variable_list;

/// What the backward pass needs besides tensors.
struct Recipe final : torch::CustomClassHolder {
  Recipe(Segment made, size_t count) : segment(std::move(made)), inputs(count) {}
  Segment segment;
  size_t inputs;  ///< tensors that it takes; the rest are parameters
};

Tensors evaluate_backward(Recipe const& recipe, Tensors const& saved, at::Tensor const& gradient) {
  at::AutoGradMode const with_graph(true);
  Tensors inputs, wanted;
  std::vector<size_t> places;
  for (size_t i = 0; i < saved.size(); ++i) {
    bool const needed = saved[i].requires_grad();
    auto const leaf = i < recipe.inputs ? saved[i].detach().set_requires_grad(needed) : saved[i];
    if (i < recipe.inputs) {
      inputs.push_back(leaf);
    }
    if (needed) {
      wanted.push_back(leaf);
      places.push_back(i);
    }
  }
  auto const output = recipe.segment(inputs);
  // Captures the parameters' gradients instead of adding them to .grad, so that no hook fires here.
  auto found = torch::autograd::grad({output},
                                     wanted,
                                     {gradient},
                                     /*retain_graph=*/false,
                                     /*create_graph=*/false,
                                     /*allow_unused=*/true);
  Tensors gradients(saved.size());
  for (size_t k = 0; k < places.size(); ++k) {
    gradients[places[k]] = std::move(found[k]);
  }
  return gradients;
}

class RecomputedSegment final : public torch::autograd::Function<RecomputedSegment> {
 public:
  using Context = torch::autograd::AutogradContext;

  /// \param tensors  the segment's inputs, then its parameters
  static at::Tensor forward(Context* context,
                            at::TensorList tensors,
                            c10::intrusive_ptr<Recipe> const& recipe) {
    context->save_for_backward(tensors.vec());
    context->saved_data["recipe"] = c10::IValue::make_capsule(recipe);
    return recipe->segment({tensors.begin(), tensors.begin() + recipe->inputs});
  }

  static Tensors backward(Context* context, Tensors const& gradients) {
    auto const recipe =
        c10::static_intrusive_pointer_cast<Recipe>(context->saved_data["recipe"].toCapsule());
    auto all = evaluate_backward(*recipe, context->get_saved_variables(), gradients[0]);
    all.emplace_back();  // of the recipe
    return all;
  }
};

}  // namespace

at::Tensor run_segment(Pass const& pass,
                       torch::nn::Module const& module,
                       std::vector<at::Tensor> const& inputs,
                       Segment segment) {
  if (pass.activations == Activations::keep || !at::GradMode::is_enabled()) {
    return segment(inputs);
  }
  auto tensors = inputs;
  for (auto const& parameter : module.parameters()) {
    if (parameter.requires_grad()) {
      tensors.push_back(parameter);
    }
  }
  return RecomputedSegment::apply(at::TensorList(tensors),
                                  c10::make_intrusive<Recipe>(std::move(segment), inputs.size()));
}

}  // namespace eddyline
