#include "surrogates/ifactformer/mix_heads.hpp"

#include <ATen/ATen.h>

namespace eddyline {
namespace {

/// All lines of a sample share its kernel (B, n, n): a view for one sample, else a small copy.
void multiply_lines(at::Tensor const& kernel,
                    at::Tensor const& lines,
                    at::Tensor const& to,
                    MixSum sum) {
  auto const length = kernel.size(-1);
  auto const shared = kernel.unsqueeze(1)
                          .expand({kernel.size(0), lines.size(0) / kernel.size(0), length, length})
                          .reshape({lines.size(0), length, length});
  to.baddbmm_(shared, lines, sum == MixSum::onto ? 1 : 0);
}

}  // namespace

void multiply(at::Tensor const& a, at::Tensor const& b, at::Tensor const& to, MixSum sum) {
  if (a.scalar_type() != to.scalar_type()) {
    sum == MixSum::onto ? to.add_(at::bmm(a, b)) : to.copy_(at::bmm(a, b));
  } else {
    to.baddbmm_(a, b, sum == MixSum::onto ? 1 : 0);
  }
}

MixHeads::MixHeads(AxisMix const& mix, MixLayouts const& layouts, Precision precision)
    : layouts_(layouts),
      heads_(mix.kernels[0].size(1)),
      width_(mix.values.size(0) / heads_),
      output_(mix.output.view({mix.output.size(0), heads_, -1, width_})) {
  auto const type = precision == Precision::bf16 ? at::kBFloat16 : mix.values.scalar_type();
  for (auto const& rows : mix.rows) {
    rows_.push_back(rows.to(type));
  }
  values_ = mix.values.to(type);
  for (size_t a = 0; a < kernels_.size(); ++a) {
    kernels_[a] = mix.kernels[a].to(type);
  }
}

at::Tensor MixHeads::columns(CellLayout layout) const {
  return at::empty({batch(), layouts_.cells(layout), width_}, options());
}

void MixHeads::make_values(int64_t head, size_t start, at::Tensor const& to) const {
  multiply(flat_rows(start).unsqueeze(0),
           value_weight(head).t().unsqueeze(0),
           to.view({1, -1, width_}),
           MixSum::fresh);
}

/// (B·outer, n, inner): the axis second, what follows it flat.
at::Tensor MixHeads::lines(at::Tensor const& x, MixStep const& step) const {
  auto const inner = layouts_.inner(step), n = length(step.axis);
  auto const outer = step.layout == CellLayout::block ? x.size(1) / (n * inner) : 1;
  return x.view({x.size(0) * outer, n, inner * width_});
}

void MixHeads::contract(int64_t head,
                        MixStep const& step,
                        at::Tensor const& x,
                        at::Tensor const& to) const {
  multiply_lines(
      kernels_[step.axis].select(1, head), lines(x, step), lines(to, step), MixSum::fresh);
}

void MixHeads::contract_back(int64_t head, MixStep const& step, Gradient const& g) const {
  multiply_lines(kernels_[step.axis].select(1, head).transpose(1, 2),
                 lines(g.of, step),
                 lines(g.to, step),
                 g.sum);
}

at::Tensor MixHeads::kernel_gradient(MixStep const& step,
                                     at::Tensor const& g,
                                     at::Tensor const& x) const {
  auto const n = length(step.axis);
  return at::bmm(lines(g, step), lines(x, step).transpose(1, 2))
      .view({batch(), -1, n, n})
      .sum(1, false, sum_type());
}

MixStages::MixStages(MixHeads const& heads, Columns kept) : heads_(heads), kept_(kept) {
  auto const& layouts = heads.layouts();
  values_.resize(layouts.starts().size());
  between_.resize(layouts.chains().front().size() - 1);  // all chains are as long
  columns_.resize(kept == Columns::of_all_chains ? layouts.chains().size() : layouts.ends().size());
}

size_t MixStages::place(size_t chain) const {
  return kept_ == Columns::of_all_chains ? chain : heads_.layouts().end_of(chain);
}

at::Tensor const& MixStages::room(at::Tensor& place, CellLayout layout) const {
  if (!place.defined()) {
    place = heads_.columns(layout);
  }
  return place;
}

void MixStages::make_values(int64_t head, size_t start) {
  heads_.make_values(head, start, room(values_[start], heads_.layouts().starts()[start]));
}

void MixStages::run(int64_t head, size_t chain) {
  auto const& layouts = heads_.layouts();
  auto const& steps = layouts.chains()[chain];
  before_ = {values_[layouts.start_of(chain)]};
  for (size_t k = 0; k < steps.size(); ++k) {
    bool const is_last = k + 1 == steps.size();
    auto const& to = room(is_last ? columns_[place(chain)] : between_[k], steps[k].layout);
    heads_.contract(head, steps[k], before_[k], to);
    if (!is_last) {
      before_.push_back(layouts.moved(to, steps[k].layout, steps[k + 1].layout));
    }
  }
}

}  // namespace eddyline
