#include "surrogates/ifactformer/mix.hpp"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "surrogates/ifactformer/moments.hpp"
#include "surrogates/layers/tile_product.hpp"

namespace eddyline {
namespace {

constexpr double kEpsilon = 1e-5;

using Chain = std::vector<size_t>;  // axes, in the order in which their kernels act

std::vector<Chain> chains_of(IFactVariant variant) {
  return variant == IFactVariant::m ? std::vector<Chain>{{0}, {1}, {2}}
                                    : std::vector<Chain>{{0, 1, 2}};
}

/// What is added to: nothing, or what stands there.
enum class Sum { fresh, onto };

/// to = a b, or to += a b, for (B, n, k) and (B, k, m); bfloat16 products are summed in float32.
void multiply(at::Tensor const& a, at::Tensor const& b, at::Tensor const& to, Sum sum) {
  if (a.scalar_type() != to.scalar_type()) {
    sum == Sum::onto ? to.add_(at::bmm(a, b)) : to.copy_(at::bmm(a, b));
  } else {
    to.baddbmm_(a, b, sum == Sum::onto ? 1 : 0);
  }
}

constexpr int64_t kRunRows = 512;  // of which all that is multiplied stays in the second cache

/// to += Σ a b as multiply, run by run of the rows, so that the sum is read and written once; then
/// tiles multiply faster. Alone these products are slowed by memory, whoever multiplies.
void add_products(std::vector<at::Tensor> const& a,
                  std::vector<at::Tensor> const& b,
                  at::Tensor const& to) {
  if (!a[0].is_cpu() || a[0].scalar_type() != at::kFloat || !has_tiles()) {
    for (size_t k = 0; k < a.size(); ++k) {
      multiply(a[k], b[k], to, Sum::onto);
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

/// The parts of a mix in the type of the products, seen head by head.
class Heads {
 public:
  Heads(AxisMix const& mix, IFactVariant variant, Precision precision)
      : chains_(chains_of(variant)),
        heads_(mix.kernels[0].size(1)),
        width_(mix.values.size(0) / heads_),
        output_(mix.output.view({mix.output.size(0), heads_, -1, width_})) {
    auto const type = precision == Precision::bf16 ? at::kBFloat16 : mix.rows.scalar_type();
    rows_ = mix.rows.to(type);
    values_ = mix.values.to(type);
    auto inner = width_;
    for (size_t a = 3; a-- > 0;) {
      kernels_[a] = mix.kernels[a].to(type);
      inner_[a] = inner;
      inner *= kernels_[a].size(-1);
    }
  }

  std::vector<Chain> const& chains() const { return chains_; }
  int64_t count() const { return heads_; }
  int64_t width() const { return width_; }
  int64_t cells() const { return rows_.size(1); }
  int64_t outputs() const { return output_.size(0); }
  at::Tensor const& rows() const { return rows_; }
  at::ScalarType type() const { return rows_.scalar_type(); }
  at::ScalarType sum_type() const { return output_.scalar_type(); }

  /// Room for one head's columns, (B, N, e).
  at::Tensor columns() const {
    return at::empty({rows_.size(0), rows_.size(1), width_}, rows_.options());
  }
  /// (e, d): the rows of the values' weight that are this head's.
  at::Tensor value_weight(int64_t head) const { return values_.narrow(0, head * width_, width_); }
  /// (d', e): the columns of the output's weight that are this chain's.
  at::Tensor output_weight(int64_t head, size_t chain) const {
    return output_.select(1, head).select(1, static_cast<int64_t>(chain));
  }
  /// The head's v, into `to`.
  void make_values(int64_t head, at::Tensor const& to) const {
    auto const flat = to.view({1, -1, width_});
    multiply(
        rows_.view({1, flat.size(1), -1}), value_weight(head).t().unsqueeze(0), flat, Sum::fresh);
  }
  /// K x along the axis, into `to`.
  void contract(int64_t head, size_t axis, at::Tensor const& x, at::Tensor const& to) const {
    product(kernels_[axis].select(1, head), lines(x, axis), lines(to, axis), Sum::fresh);
  }
  /// Kᵀ g along the axis, into or onto `to`.
  void contract_back(
      int64_t head, size_t axis, at::Tensor const& g, at::Tensor const& to, Sum sum) const {
    product(kernels_[axis].select(1, head).transpose(1, 2), lines(g, axis), lines(to, axis), sum);
  }
  /// ∂K = Σ g xᵀ over all lines of the axis: (B, n, n).
  at::Tensor kernel_gradient(size_t axis, at::Tensor const& g, at::Tensor const& x) const {
    auto const length = kernels_[axis].size(-1);
    return at::bmm(lines(g, axis), lines(x, axis).transpose(1, 2))
        .view({rows_.size(0), -1, length, length})
        .sum(1, false, sum_type());
  }

 private:
  /// (B·outer, n, inner): the axis second, what follows it flat.
  at::Tensor lines(at::Tensor const& x, size_t axis) const {
    return x.view({-1, kernels_[axis].size(-1), inner_[axis]});
  }
  /// All lines of a sample share its kernel (B, n, n): a view for one sample, else a small copy.
  static void product(at::Tensor const& kernel,
                      at::Tensor const& lines,
                      at::Tensor const& to,
                      Sum sum) {
    auto const length = kernel.size(-1);
    auto const shared =
        kernel.unsqueeze(1)
            .expand({kernel.size(0), lines.size(0) / kernel.size(0), length, length})
            .reshape({lines.size(0), length, length});
    to.baddbmm_(shared, lines, sum == Sum::onto ? 1 : 0);
  }

  std::vector<Chain> chains_;
  int64_t heads_, width_;
  at::Tensor rows_, values_, output_;
  std::array<at::Tensor, 3> kernels_;
  std::array<int64_t, 3> inner_{};
};

/// One head's values and what the kernels of a chain make of them in turn.
class Stages {
 public:
  /// \param kept  chains whose columns are held side by side
  explicit Stages(Heads const& heads, size_t kept = 1) {
    for (size_t k = 0; k < heads.chains().front().size(); ++k) {
      stages_.push_back(heads.columns());
    }
    for (size_t c = 0; c < kept; ++c) {
      columns_.push_back(heads.columns());
    }
  }
  at::Tensor const& values() const { return stages_.front(); }
  /// What the norm sees.
  at::Tensor const& columns(size_t place = 0) const { return columns_[place]; }
  std::vector<at::Tensor> const& all_columns() const { return columns_; }
  /// What kernel k of the chain acts on.
  at::Tensor const& before(size_t k) const { return stages_[k]; }
  void run(Heads const& heads, int64_t head, Chain const& chain, size_t place = 0) const {
    for (size_t k = 0; k < chain.size(); ++k) {
      auto const& to = k + 1 < chain.size() ? stages_[k + 1] : columns_[place];
      heads.contract(head, chain[k], stages_[k], to);
    }
  }

 private:
  std::vector<at::Tensor> stages_, columns_;
};

/// Norm of one chain's columns.
struct Norm {
  at::Tensor mean, scale;  ///< (B, 1, e); scale = 1/√(variance + ε)
};

struct Mixed {
  at::Tensor out;
  std::vector<Norm> norms;  ///< head by head, chain by chain
};

Mixed run_forward(Heads const& heads) {
  auto const options = heads.rows().options().dtype(heads.sum_type());
  auto const batch = heads.rows().size(0);
  Mixed mixed{.out = at::zeros({batch, heads.cells(), heads.outputs()}, options)};
  auto const offset = at::zeros({batch, 1, heads.outputs()}, options);
  Stages const stages(heads, heads.chains().size());
  for (int64_t head = 0; head < heads.count(); ++head) {
    heads.make_values(head, stages.values());
    std::vector<at::Tensor> weights;
    for (size_t c = 0; c < heads.chains().size(); ++c) {
      stages.run(heads, head, heads.chains()[c], c);
      auto const moments = column_moments(stages.columns(c));
      Norm const norm{.mean = moments.mean.unsqueeze(1),
                      .scale = (moments.variance + kEpsilon).rsqrt_().unsqueeze(1)};
      auto const folded = (heads.output_weight(head, c) * norm.scale).transpose(1, 2);
      offset.baddbmm_(norm.mean, folded);
      weights.push_back(folded.to(heads.type()));
      mixed.norms.push_back(norm);
    }
    add_products(stages.all_columns(), weights, mixed.out);
  }
  mixed.out.sub_(offset);
  return mixed;
}

/// The backward pass: from the gradient g of the result to `gradient`, those of the arguments.
class Backward {
 public:
  Backward(AxisMix const& mix, Heads const& heads, at::Tensor const& g)
      : heads_(heads),
        g_(g.to(heads.type()).contiguous()),
        sum_(g.sum(1, true)),
        stages_(heads),
        to_values_(heads.columns()),
        scratch_{heads.columns(), heads.columns()} {
    gradient = {.rows = at::zeros(mix.rows.sizes(), mix.rows.options()),
                .values = at::empty_like(mix.values),
                .kernels = {at::empty_like(mix.kernels[0]),
                            at::empty_like(mix.kernels[1]),
                            at::empty_like(mix.kernels[2])},
                .output = at::empty_like(mix.output)};
    output_ = gradient.output.view({heads.outputs(), heads.count(), -1, heads.width()});
  }

  void run(std::vector<Norm> const& norms) {
    auto norm = norms.begin();
    for (int64_t head = 0; head < heads_.count(); ++head) {
      heads_.make_values(head, stages_.values());
      for (size_t c = 0; c < heads_.chains().size(); ++c) {
        stages_.run(heads_, head, heads_.chains()[c]);
        through_norm(head, c, *norm++);
        through_kernels(head, c);
      }
      auto const flat = to_values_.view({-1, heads_.width()});
      auto const wide = heads_.rows().view({flat.size(0), -1});
      gradient.values.narrow(0, head * heads_.width(), heads_.width())
          .copy_(at::mm(flat.t(), wide));
      multiply(flat.unsqueeze(0),
               heads_.value_weight(head).unsqueeze(0),
               gradient.rows.view({1, flat.size(0), -1}),
               Sum::onto);
    }
  }

  AxisMix gradient;

 private:
  /// The gradient of the columns y of a chain, into scratch_[0]. With ŷ = (y − mean)·scale:
  ///   ∂y = scale·(∂ŷ − mean(∂ŷ) − ŷ·mean(∂ŷ·ŷ)),  ∂ŷ = g W,
  /// whose means follow from small sums, Σ g and Σ gᵀ ŷ; the latter is the gradient of W, too.
  void through_norm(int64_t head, size_t chain, Norm const& norm) {
    auto const& y = stages_.columns();
    auto const weight = heads_.output_weight(head, chain);  // (d', e)
    auto const cells = static_cast<double>(heads_.cells());
    auto const slope = at::bmm(g_.transpose(1, 2), y)
                           .to(heads_.sum_type())
                           .sub(at::bmm(sum_.transpose(1, 2), norm.mean))
                           .mul_(norm.scale);  // Σ gᵀ ŷ: (B, d', e)
    output_.select(1, head).select(1, static_cast<int64_t>(chain)).copy_(slope.sum(0));
    auto const folded = weight * norm.scale;
    auto const mean = at::bmm(sum_, folded).div_(cells);          // scale·mean(∂ŷ): (B, 1, e)
    auto const tilt = (weight * slope).sum(1, true).div_(cells);  // mean(∂ŷ·ŷ): (B, 1, e)
    auto const of_y = norm.scale.square().mul_(tilt);             // factor of y − mean
    auto const constant = (norm.mean * of_y).sub_(mean);
    multiply(g_, folded.to(heads_.type()), scratch_[0], Sum::fresh);
    scratch_[0].addcmul_(y, of_y.to(heads_.type()), -1).add_(constant.to(heads_.type()));
  }

  /// From there to the head's values, into (of the first chain) or onto to_values_.
  void through_kernels(int64_t head, size_t chain) {
    auto const& axes = heads_.chains()[chain];
    for (auto k = axes.size(); k-- > 0;) {
      gradient.kernels[axes[k]].select(1, head).copy_(
          heads_.kernel_gradient(axes[k], scratch_[0], stages_.before(k)));
      bool const last = k == 0;
      heads_.contract_back(head,
                           axes[k],
                           scratch_[0],
                           last ? to_values_ : scratch_[1],
                           last && chain > 0 ? Sum::onto : Sum::fresh);
      std::swap(scratch_[0], scratch_[1]);
    }
  }

  Heads const& heads_;
  at::Tensor g_, sum_;  // (B, N, d') in the type of the products; its sum over cells (B, 1, d')
  Stages stages_;
  at::Tensor to_values_;
  std::array<at::Tensor, 2> scratch_;
  at::Tensor output_;  // a view of the gradient of the output's weight
};

/// mix_axes for automatic differentiation; arguments in the order of AxisMix.
class MixFunction final : public torch::autograd::Function<MixFunction> {
 public:
  using Context = torch::autograd::AutogradContext;
  using Tensors = torch::autograd::variable_list;

  static at::Tensor forward(Context* context,
                            at::TensorList mix,
                            int64_t variant,
                            int64_t precision) {
    auto const kind = static_cast<IFactVariant>(variant);
    auto const mixed =
        run_forward(Heads(from_list(mix), kind, static_cast<eddyline::Precision>(precision)));
    auto saved = mix.vec();
    for (auto const& norm : mixed.norms) {
      saved.push_back(norm.mean);
      saved.push_back(norm.scale);
    }
    context->save_for_backward(saved);
    context->saved_data["variant"] = variant;
    context->saved_data["precision"] = precision;
    return mixed.out;
  }

  static Tensors backward(Context* context, Tensors const& gradients) {
    auto const saved = context->get_saved_variables();
    auto const mix = from_list(saved);
    std::vector<Norm> norms;
    for (size_t i = kParts; i < saved.size(); i += 2) {
      norms.push_back({.mean = saved[i], .scale = saved[i + 1]});
    }
    Heads const heads(mix,
                      static_cast<IFactVariant>(context->saved_data["variant"].toInt()),
                      static_cast<Precision>(context->saved_data["precision"].toInt()));
    Backward back(mix, heads, gradients[0]);
    back.run(norms);
    auto list = to_list(back.gradient);
    list.resize(list.size() + 2);  // variant and precision have none
    return list;
  }

  static Tensors to_list(AxisMix const& mix) {
    return {mix.rows, mix.values, mix.kernels[0], mix.kernels[1], mix.kernels[2], mix.output};
  }

 private:
  static constexpr size_t kParts = 6;
  static AxisMix from_list(at::TensorList list) {
    return {.rows = list[0],
            .values = list[1],
            .kernels = {list[2], list[3], list[4]},
            .output = list[5]};
  }
};

}  // namespace

at::Tensor mix_axes(AxisMix const& mix, IFactVariant variant, Precision precision) {
  if (!at::GradMode::is_enabled()) {
    return run_forward(Heads(mix, variant, precision)).out;
  }
  auto const parts = MixFunction::to_list(mix);
  return MixFunction::apply(
      at::TensorList(parts), static_cast<int64_t>(variant), static_cast<int64_t>(precision));
}

}  // namespace eddyline
