#include "surrogates/layers/ring_attention.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include "core/process_group.hpp"

namespace eddyline {
namespace {

using Tensors = torch::autograd::variable_list;

constexpr int64_t kRingCells =
    3;  // axis of the tokens of one time in what travels, (2, B, t, m, …)

/// A tensor on its way to the next rank.
class Hop {
 public:
  /// \param cells  of what arrives from the rank before, along kRingCells
  Hop(at::Tensor const& piece, int64_t cells, AxisParts const& ranks)
      : leaving_(piece.contiguous().view({-1})), shape_(piece.sizes().vec()) {
    shape_[kRingCells] = cells;
    auto const count = static_cast<size_t>(ranks.ranks());
    auto const own = static_cast<size_t>(ranks.rank);
    std::vector<int64_t> out(count, 0), in(count, 0);
    out[(own + 1) % count] = leaving_.numel();
    in[(own + count - 1) % count] = c10::multiply_integers(shape_);
    arriving_ = at::empty({c10::multiply_integers(shape_)}, piece.options());
    TrafficKind const kind("attention");
    work_ = ranks.group->alltoall_base(arriving_, leaving_, in, out);
  }
  at::Tensor finish() {
    work_->wait();
    return arriving_.view(shape_);
  }

 private:
  at::Tensor leaving_, arriving_;
  std::vector<int64_t> shape_;
  c10::intrusive_ptr<c10d::Work> work_;
};

/// (B, t, m, heads, d) → (B, heads, t·m, d)
at::Tensor ring_heads(at::Tensor const& x) {
  return x.flatten(1, 2).transpose(1, 2);
}

/// The way back, to the shape of `like`.
at::Tensor in_tokens(at::Tensor const& x, at::Tensor const& like) {
  return x.transpose(1, 2).reshape(like.sizes());
}

/// One rank's part of the attention with its tensors at hand.
class RingPass {
 public:
  RingPass(RingAttention const& by, Tensors const& qkv)
      : by_(by),
        query_shape_(qkv[0]),
        times_(qkv[1].size(1)),
        scale_(1 / std::sqrt(static_cast<double>(qkv[0].size(4)))),
        q_(ring_heads(qkv[0]) * scale_),
        own_(at::stack({qkv[1], qkv[2]})) {
    if (by.flight == Flight::bf16) {
      own_ = own_.to(at::kBFloat16);
    }
  }

  /// \return  the result and the logarithm of the sum of exponentials (B, heads, r·n, 1)
  Tensors forward() const {
    auto shape = q_.sizes().vec();
    auto mixed = at::zeros(shape, q_.options());
    shape[3] = 1;
    auto most = at::full(shape, -std::numeric_limits<double>::infinity(), q_.options());
    auto sum = at::zeros(shape, q_.options());
    go_round([&](int source, at::Tensor const& keys, at::Tensor const& values) {
      auto const scores = scores_of(source, keys);
      auto const higher = at::maximum(most, scores.amax(-1, true));
      auto const kept = at::exp(most - higher);
      auto share = at::exp(scores - higher);
      sum = sum * kept + share.sum(-1, true);
      mixed = mixed * kept + product(dropped(share, source), values);
      most = higher;
    });
    return {in_tokens(mixed / sum, query_shape_), most + at::log(sum)};
  }

  /// Gradients of queries, keys and values.
  Tensors backward(at::Tensor const& result,
                   at::Tensor const& log_sum,
                   at::Tensor const& gradient) const {
    auto const upper = ring_heads(gradient);
    auto const level = (upper * ring_heads(result)).sum(-1, true);
    auto of_queries = at::zeros(q_.sizes(), q_.options());
    at::Tensor of_own;
    std::optional<Hop> sums;
    go_round([&](int source, at::Tensor const& keys, at::Tensor const& values) {
      auto const share = at::exp(scores_of(source, keys) - log_sum);
      auto const of_values = product(dropped(share, source).transpose(-2, -1), upper);
      auto const slope =
          share * (dropped(product(upper, values.transpose(-2, -1)), source) - level);
      of_queries += product(slope, keys);
      auto const of_keys = product(slope.transpose(-2, -1), q_);
      auto const cells = by_.ranks.sizes[static_cast<size_t>(source)];
      auto const token = [&](at::Tensor const& x) {
        return x.transpose(1, 2).unflatten(1, {times_, cells});
      };
      auto own = at::stack({token(of_keys), token(of_values)});
      if (source == by_.ranks.rank) {
        of_own = own;
        return;
      }
      own = sums ? own + sums->finish() : own;
      sums.emplace(own, by_.ranks.sizes[static_cast<size_t>(before(source))], by_.ranks);
    });
    of_own = of_own + sums->finish();  // the last to see this rank's keys is the one before it
    return {in_tokens(of_queries * scale_, query_shape_), of_own[0], of_own[1]};
  }

 private:
  int before(int rank) const { return (rank + by_.ranks.ranks() - 1) % by_.ranks.ranks(); }

  /// Calls visit(source, keys, values), in heads, with those of this rank, of the one before it, …
  /// The next are on their way meanwhile.
  template <class Visit>
  void go_round(Visit const& visit) const {
    auto chunk = own_;
    auto source = by_.ranks.rank;
    for (int i = 0; i < by_.ranks.ranks(); ++i) {
      std::optional<Hop> next;
      if (i + 1 < by_.ranks.ranks()) {
        next.emplace(chunk, by_.ranks.sizes[static_cast<size_t>(before(source))], by_.ranks);
      }
      auto const here = chunk.to(q_.scalar_type());
      visit(source, ring_heads(here[0]), ring_heads(here[1]));
      if (next) {
        chunk = next->finish();
        source = before(source);
      }
    }
  }

  at::Tensor scores_of(int source, at::Tensor const& keys) const {
    auto const scores = product(q_, keys.transpose(-2, -1));
    if (by_.sight == Sight::all) {
      return scores;
    }
    auto const times = [&](int64_t first, int64_t count, int64_t each) {
      return at::arange(first, first + count, keys.options().dtype(at::kLong))
          .repeat_interleave(each);
    };
    auto const rows = query_shape_.size(1);
    auto const later = times(0, times_, by_.ranks.sizes[static_cast<size_t>(source)]).unsqueeze(0) >
                       times(times_ - rows, rows, by_.ranks.own()).unsqueeze(1);
    return scores.masked_fill(later, -std::numeric_limits<double>::infinity());
  }

  at::Tensor dropped(at::Tensor const& share, int source) const {
    return by_.factors ? share * by_.factors(source).to(share.options()) : share;
  }

  at::Tensor product(at::Tensor const& a, at::Tensor const& b) const {
    if (by_.precision == Precision::fp32) {
      return at::matmul(a, b);
    }
    return at::matmul(a.to(at::kBFloat16), b.to(at::kBFloat16)).to(a.scalar_type());
  }

  RingAttention const& by_;
  at::Tensor query_shape_;  ///< the queries as they were given
  int64_t times_;
  double scale_;
  at::Tensor q_;    ///< (B, heads, r·n, d), scaled
  at::Tensor own_;  ///< keys and values of this rank, (2, B, t, n, heads, d)
};

/// What autograd keeps of the attention.
struct KeptRing final : torch::CustomClassHolder {
  explicit KeptRing(RingAttention made) : by(std::move(made)) {}
  RingAttention by;
};

class DifferentiableRing final : public torch::autograd::Function<DifferentiableRing> {
 public:
  using Context = torch::autograd::AutogradContext;

  static at::Tensor forward(Context* context,
                            at::TensorList qkv,
                            c10::intrusive_ptr<KeptRing> const& ring) {
    auto saved = qkv.vec();
    auto const found = RingPass(ring->by, saved).forward();
    saved.insert(saved.end(), found.begin(), found.end());
    context->save_for_backward(saved);
    context->saved_data["ring"] = c10::IValue::make_capsule(ring);
    return found[0];
  }

  static Tensors backward(Context* context, Tensors const& gradients) {
    auto const ring =
        c10::static_intrusive_pointer_cast<KeptRing>(context->saved_data["ring"].toCapsule());
    auto const saved = context->get_saved_variables();
    auto found = RingPass(ring->by, {saved[0], saved[1], saved[2]})
                     .backward(saved[3], saved[4], gradients[0]);
    found.emplace_back();  // of the ring
    return found;
  }
};

}  // namespace

at::Tensor RingAttention::operator()(std::array<at::Tensor, 3> const& qkv) const {
  bool const differentiable =
      at::GradMode::is_enabled() &&
      (qkv[0].requires_grad() || qkv[1].requires_grad() || qkv[2].requires_grad());
  if (!differentiable) {
    at::NoGradGuard const no_grad;
    return RingPass(*this, {qkv[0], qkv[1], qkv[2]}).forward()[0];
  }
  return DifferentiableRing::apply(at::TensorList(qkv), c10::make_intrusive<KeptRing>(*this));
}

}  // namespace eddyline
