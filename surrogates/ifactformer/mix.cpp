#include "surrogates/ifactformer/mix.hpp"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include "data/sharding/collectives.hpp"
#include "surrogates/ifactformer/mix_heads.hpp"
#include "surrogates/ifactformer/moments.hpp"
#include "surrogates/layers/tile_product.hpp"

namespace eddyline {
namespace {

constexpr double kEpsilon = 1e-5;

constexpr int64_t kRunRows = 512;  // of which all that is multiplied stays in the second cache

/// to += Σ a b as multiply, run by run of the rows, so that the sum is read and written once; then
/// tiles multiply faster. Alone these products are slowed by memory, whoever multiplies.
void add_products(std::vector<at::Tensor> const& a,
                  std::vector<at::Tensor> const& b,
                  at::Tensor const& to) {
  if (!a[0].is_cpu() || a[0].scalar_type() != at::kFloat || !has_tiles()) {
    for (size_t k = 0; k < a.size(); ++k) {
      multiply(a[k], b[k], to, MixSum::onto);
    }
    return;
  }
  auto const rows = to.size(1);
  for (int64_t i = 0; i < to.size(0); ++i) {
    std::vector<TileMatrix> factors;
    for (auto const& factor : b) {
      factors.emplace_back(factor[i].t(), Precision::fp32);
    }
    at::parallel_for(0, (rows + kRunRows - 1) / kRunRows, 1, [&](int64_t begin, int64_t end) {
      for (auto first = begin * kRunRows; first < std::min(end * kRunRows, rows);
           first += kRunRows) {
        auto const count = std::min(kRunRows, rows - first);
        for (size_t k = 0; k < a.size(); ++k) {
          factors[k].multiply(a[k][i].narrow(0, first, count),
                              to[i].narrow(0, first, count),
                              {.into = TileEnd::Into::onto});
        }
      }
    });
  }
}

/// Norm of one chain's columns.
struct Norm {
  at::Tensor mean, scale;  ///< (B, 1, e); scale = 1/√(variance + ε)
};

/// Moments over the cells of all ranks from those of each, for several columns in one exchange.
/// Mean squares are added in float64, so that the mean may be large beside the deviation.
void add_up(std::vector<Moments>& moments,
            std::vector<int64_t> const& cells,
            MixLayouts const& layouts) {
  if (!layouts.group()) {
    return;
  }
  auto const all = static_cast<double>(layouts.all_cells());
  std::vector<at::Tensor> sums;
  for (size_t c = 0; c < moments.size(); ++c) {
    auto const share = static_cast<double>(cells[c]) / all;
    auto const mean = moments[c].mean.to(at::kDouble);
    sums.push_back(mean * share);
    sums.push_back((moments[c].variance.to(at::kDouble) + mean.square()) * share);
  }
  auto const total = sum_over(at::stack(sums), layouts.group());
  for (size_t c = 0; c < moments.size(); ++c) {
    auto const at = static_cast<int64_t>(2 * c);
    auto const mean = total[at];
    moments[c] = {
        .mean = mean.to(moments[c].mean.scalar_type()),
        .variance =
            (total[at + 1] - mean.square()).clamp_min_(0).to(moments[c].mean.scalar_type())};
  }
}

/// Of all chains of one head.
std::vector<Norm> norms_of(MixStages const& stages, MixLayouts const& layouts) {
  std::vector<Moments> moments;
  std::vector<int64_t> cells;
  for (size_t c = 0; c < layouts.chains().size(); ++c) {
    cells.push_back(stages.columns(c).size(1));
    moments.push_back(column_moments(stages.columns(c)));
  }
  add_up(moments, cells, layouts);
  std::vector<Norm> norms;
  for (auto const& moment : moments) {
    norms.push_back({.mean = moment.mean.unsqueeze(1),
                     .scale = (moment.variance + kEpsilon).rsqrt_().unsqueeze(1)});
  }
  return norms;
}

struct Mixed {
  std::vector<at::Tensor> out;  ///< (B, N, d') in each layout in which chains end
  std::vector<Norm> norms;      ///< head by head, chain by chain
};

Mixed run_forward(MixHeads const& heads) {
  auto const& layouts = heads.layouts();
  auto const options = heads.options().dtype(heads.sum_type());
  Mixed mixed;
  std::vector<at::Tensor> offsets;
  for (auto const end : layouts.ends()) {
    mixed.out.push_back(at::zeros({heads.batch(), layouts.cells(end), heads.outputs()}, options));
    offsets.push_back(at::zeros({heads.batch(), 1, heads.outputs()}, options));
  }
  MixStages stages(heads, MixStages::Columns::of_all_chains);
  for (int64_t head = 0; head < heads.count(); ++head) {
    for (size_t start = 0; start < layouts.starts().size(); ++start) {
      stages.make_values(head, start);
    }
    for (size_t c = 0; c < layouts.chains().size(); ++c) {
      stages.run(head, c);
    }
    auto const norms = norms_of(stages, layouts);
    std::vector<std::vector<at::Tensor>> columns(offsets.size()), weights(offsets.size());
    for (size_t c = 0; c < norms.size(); ++c) {
      auto const end = layouts.end_of(c);
      auto const folded = (heads.output_weight(head, c) * norms[c].scale).transpose(1, 2);
      offsets[end].baddbmm_(norms[c].mean, folded);
      columns[end].push_back(stages.columns(c));
      weights[end].push_back(folded.to(heads.type()));
      mixed.norms.push_back(norms[c]);
    }
    for (size_t end = 0; end < offsets.size(); ++end) {
      add_products(columns[end], weights[end], mixed.out[end]);
    }
  }
  for (size_t end = 0; end < offsets.size(); ++end) {
    mixed.out[end].sub_(offsets[end]);
  }
  return mixed;
}

/// The backward pass: from the gradients of the results to `gradient`, those of the arguments. It
/// goes through one layout after the other, so that what is as wide as values lives in one.
class Backward {
 public:
  Backward(AxisMix const& mix, MixHeads const& heads, std::vector<at::Tensor> const& results)
      : heads_(heads), layouts_(heads.layouts()) {
    for (auto const& g : results) {
      g_.push_back(g.to(heads.type()).contiguous());
      own_sums_.push_back(g.sum(1, true));
    }
    sums_ = sum_over(at::stack(own_sums_), layouts_.group());
    for (auto const& rows : mix.rows) {
      gradient.rows.push_back(at::zeros(rows.sizes(), rows.options()));
    }
    gradient.values = at::empty_like(mix.values);
    for (size_t a = 0; a < mix.kernels.size(); ++a) {
      gradient.kernels[a] = at::empty_like(mix.kernels[a]);
    }
    gradient.output = at::empty_like(mix.output);
    output_ = gradient.output.view({heads.outputs(), heads.count(), -1, heads.width()});
  }

  /// \param norms  head by head, chain by chain
  void run(std::vector<Norm> const& norms) {
    auto const chains = layouts_.chains().size();
    for (size_t start = 0; start < layouts_.starts().size(); ++start) {
      scratch_ = {};
      to_values_ = heads_.columns(layouts_.starts()[start]);
      MixStages stages(heads_, MixStages::Columns::of_one_chain);
      for (int64_t head = 0; head < heads_.count(); ++head) {
        stages.make_values(head, start);
        auto sum = MixSum::fresh;
        for (size_t c = 0; c < chains; ++c) {
          if (layouts_.start_of(c) == start) {
            stages.run(head, c);
            through_norm(head, c, stages, norms[static_cast<size_t>(head) * chains + c]);
            through_kernels(head, c, stages, sum);
            sum = MixSum::onto;
          }
        }
        through_values(head, start);
      }
    }
  }

  AxisMix gradient;

 private:
  /// The gradient of the columns y of a chain, into its scratch. With ŷ = (y − mean)·scale:
  ///   ∂y = scale·(∂ŷ − mean(∂ŷ) − ŷ·mean(∂ŷ·ŷ)),  ∂ŷ = g W,
  /// whose means follow from small sums, Σ g and Σ gᵀ ŷ; the latter is the gradient of W, too, of
  /// which each rank gives its own cells' share.
  void through_norm(int64_t head, size_t chain, MixStages const& stages, Norm const& norm) {
    auto const end = layouts_.end_of(chain);
    auto const& y = stages.columns(chain);
    auto const weight = heads_.output_weight(head, chain);  // (d', e)
    auto const cells = static_cast<double>(layouts_.all_cells());
    auto const slope = at::bmm(g_[end].transpose(1, 2), y)
                           .to(heads_.sum_type())
                           .sub(at::bmm(own_sums_[end].transpose(1, 2), norm.mean))
                           .mul_(norm.scale);  // Σ gᵀ ŷ: (B, d', e)
    output_.select(1, head).select(1, static_cast<int64_t>(chain)).copy_(slope.sum(0));
    auto const folded = weight * norm.scale;
    auto const mean =
        at::bmm(sums_[static_cast<int64_t>(end)], folded).div_(cells);  // scale·mean(∂ŷ): (B, 1, e)
    auto const tilt = sum_over((weight * slope).sum(1, true), layouts_.group())
                          .div_(cells);                // mean(∂ŷ·ŷ): (B, 1, e)
    auto const of_y = norm.scale.square().mul_(tilt);  // factor of y − mean
    auto const constant = (norm.mean * of_y).sub_(mean);
    auto const& steps = layouts_.chains()[chain];
    auto const& to = scratch(steps.size() - 1, steps.back().layout);
    multiply(g_[end], folded.to(heads_.type()), to, MixSum::fresh);
    to.addcmul_(y, of_y.to(heads_.type()), -1).add_(constant.to(heads_.type()));
  }

  /// From there to the head's values, into or onto to_values_.
  void through_kernels(int64_t head, size_t chain, MixStages const& stages, MixSum sum) {
    auto const& steps = layouts_.chains()[chain];
    auto g = scratch(steps.size() - 1, steps.back().layout);
    for (auto k = steps.size(); k-- > 0;) {
      gradient.kernels[steps[k].axis].select(1, head).copy_(
          heads_.kernel_gradient(steps[k], g, stages.before(k)));
      if (k == 0) {
        heads_.contract_back(head, steps[k], {.of = g, .to = to_values_, .sum = sum});
      } else {
        auto const& to = scratch(k - 1, steps[k].layout);
        heads_.contract_back(head, steps[k], {.of = g, .to = to, .sum = MixSum::fresh});
        g = layouts_.moved(to, steps[k].layout, steps[k - 1].layout);
      }
    }
  }

  /// From the head's values to their weight and the rows.
  void through_values(int64_t head, size_t start) {
    auto const of_weight = gradient.values.narrow(0, head * heads_.width(), heads_.width());
    auto const flat = to_values_.view({-1, heads_.width()});
    auto const share = at::mm(flat.t(), heads_.flat_rows(start));
    start == 0 ? of_weight.copy_(share) : of_weight.add_(share);
    multiply(flat.unsqueeze(0),
             heads_.value_weight(head).unsqueeze(0),
             gradient.rows[start].flatten(0, 1).unsqueeze(0),
             MixSum::onto);
  }

  /// Room for what enters step k on the way back: that of the step before is another.
  at::Tensor const& scratch(size_t k, CellLayout layout) {
    auto& room = scratch_[k % 2][static_cast<size_t>(layout)];
    if (!room.defined()) {
      room = heads_.columns(layout);
    }
    return room;
  }

  MixHeads const& heads_;
  MixLayouts const& layouts_;
  std::vector<at::Tensor> g_;         // (B, N, d') by end, in the type of the products
  std::vector<at::Tensor> own_sums_;  // their sums over this rank's cells, (B, 1, d')
  at::Tensor sums_;                   // over all cells: (ends, B, 1, d')
  at::Tensor to_values_;              // the gradient of the head's values
  std::array<std::array<at::Tensor, 4>, 2> scratch_;  // two of each layout
  at::Tensor output_;  // a view of the gradient of the output's weight
};

/// What the backward pass needs besides tensors.
struct MixRecipe final : torch::CustomClassHolder {
  MixRecipe(MixLayouts made, Precision wanted) : layouts(std::move(made)), precision(wanted) {}
  MixLayouts layouts;
  Precision precision;
};

/// Arguments of mix_axes in one list, rows first.
std::vector<at::Tensor> to_list(AxisMix const& mix) {
  auto list = mix.rows;
  list.insert(list.end(), {mix.values, mix.kernels[0], mix.kernels[1], mix.kernels[2], mix.output});
  return list;
}

constexpr size_t kBesideRows = 5;

AxisMix from_list(at::TensorList list, size_t rows) {
  return {.rows = list.slice(0, rows).vec(),
          .values = list[rows],
          .kernels = {list[rows + 1], list[rows + 2], list[rows + 3]},
          .output = list[rows + 4]};
}

/// mix_axes for automatic differentiation, up to the layouts in which chains end.
class MixFunction final : public torch::autograd::Function<MixFunction> {
 public:
  using Context = torch::autograd::AutogradContext;
  using Tensors = torch::autograd::variable_list;

  static Tensors forward(Context* context,
                         at::TensorList mix,
                         c10::intrusive_ptr<MixRecipe> const& recipe) {
    auto const rows = recipe->layouts.starts().size();
    auto const mixed =
        run_forward(MixHeads(from_list(mix, rows), recipe->layouts, recipe->precision));
    auto saved = mix.vec();
    for (auto const& norm : mixed.norms) {
      saved.push_back(norm.mean);
      saved.push_back(norm.scale);
    }
    context->save_for_backward(saved);
    context->saved_data["recipe"] = c10::IValue::make_capsule(recipe);
    return mixed.out;
  }

  static Tensors backward(Context* context, Tensors const& gradients) {
    auto const recipe =
        c10::static_intrusive_pointer_cast<MixRecipe>(context->saved_data["recipe"].toCapsule());
    auto const saved = context->get_saved_variables();
    auto const rows = recipe->layouts.starts().size();
    auto const mix = from_list(saved, rows);
    std::vector<Norm> norms;
    for (size_t i = rows + kBesideRows; i < saved.size(); i += 2) {
      norms.push_back({.mean = saved[i], .scale = saved[i + 1]});
    }
    MixHeads const heads(mix, recipe->layouts, recipe->precision);
    Backward back(mix, heads, gradients);
    back.run(norms);
    auto list = to_list(back.gradient);
    list.emplace_back();  // of the recipe
    return list;
  }
};

}  // namespace

at::Tensor mix_axes(AxisMix const& mix, MixLayouts const& layouts, Precision precision) {
  if (!at::GradMode::is_enabled()) {
    return layouts.on_block(run_forward(MixHeads(mix, layouts, precision)).out);
  }
  auto const parts = to_list(mix);
  return layouts.on_block(MixFunction::apply(at::TensorList(parts),
                                             c10::make_intrusive<MixRecipe>(layouts, precision)));
}

}  // namespace eddyline
