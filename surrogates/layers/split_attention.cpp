#include "surrogates/layers/split_attention.hpp"

#include <utility>

#include <ATen/ATen.h>

#include "core/transfer.hpp"
#include "data/sharding/transposition.hpp"

namespace eddyline {
namespace {

// Axes of (B, t, n, heads, d).
constexpr int64_t kTokenAxis = 2;
constexpr int64_t kHeadAxis = 3;

at::Tensor reordered(at::Tensor const& x, at::Tensor const& places) {
  return places.defined() ? x.index_select(kTokenAxis, sent(places, x.device())) : x;
}

/// Of a rank of the domain, in the order in which it numbers them.
std::array<int, 3> position_of(int rank, std::array<int, 3> const& parts) {
  return {rank / (parts[1] * parts[2]), rank / parts[2] % parts[1], rank % parts[2]};
}

}  // namespace

SplitAttention::SplitAttention(Sharding const& tokens, int64_t heads)
    : parts_(tokens.mesh().parts()),
      axes_{tokens.axis(0), tokens.axis(1), tokens.axis(2)},
      ranks_{.group = tokens.group(), .sizes = {}, .rank = tokens.mesh().domain().rank()},
      heads_(heads),
      flight_(tokens.flight()) {
  for (int rank = 0; rank < tokens.mesh().domain().size(); ++rank) {
    auto const place = position_of(rank, parts_);
    int64_t count = 1;
    for (size_t a = 0; a < 3; ++a) {
      count *= axes_[a].sizes[static_cast<size_t>(place[a])];
    }
    ranks_.sizes.push_back(count);
  }
  if (!is_by_heads()) {
    return;
  }
  std::vector<at::Tensor> of_ranks;
  for (int rank = 0; rank < ranks_.ranks(); ++rank) {
    of_ranks.push_back(numbers(rank));
  }
  auto const order = at::cat(of_ranks);
  if (!at::equal(order, at::arange(order.numel(), at::kLong))) {
    order_ = order;
    place_ = at::argsort(order);
  }
}

at::Tensor SplitAttention::numbers(int rank) const {
  auto const place = position_of(rank, parts_);
  auto numbers = at::zeros({1}, at::kLong);
  for (size_t a = 0; a < 3; ++a) {
    auto const first = axes_[a].first(place[a]);
    auto const along =
        at::arange(first, first + axes_[a].sizes[static_cast<size_t>(place[a])], at::kLong);
    numbers = (numbers.unsqueeze(1) * axes_[a].total() + along).flatten();
  }
  return numbers;
}

at::Tensor SplitAttention::operator()(std::array<at::Tensor, 3> const& qkv,
                                      HeadsAttention const& attend,
                                      RingAttention ring) const {
  if (is_by_heads()) {
    return by_heads(qkv, attend);
  }
  ring.ranks = ranks_;
  ring.flight = flight_;
  auto const in_heads = [&](size_t part) { return qkv[part].unflatten(kHeadAxis, {heads_, -1}); };
  return ring({in_heads(0), in_heads(1), in_heads(2)}).flatten(kHeadAxis);
}

at::Tensor SplitAttention::by_heads(std::array<at::Tensor, 3> const& qkv,
                                    HeadsAttention const& attend) const {
  auto const heads = even_sizes(heads_, ranks_.ranks());
  Layout const tokens_divided{.axis = kTokenAxis, .sizes = ranks_.sizes};
  Layout const heads_divided{.axis = kHeadAxis, .sizes = heads};
  AxisParts const line{.group = ranks_.group, .sizes = heads, .rank = ranks_.rank};
  Transposition const there(line, tokens_divided, heads_divided, flight_);
  std::vector<Transposition::Pending> travelling;
  for (auto const& x : qkv) {
    travelling.push_back(there.begin(x.unflatten(kHeadAxis, {heads_, -1})));
  }
  std::array<at::Tensor, 3> whole;
  for (size_t i = 0; i < whole.size(); ++i) {
    whole[i] = reordered(travelling[i].finish(), place_).flatten(kHeadAxis);
  }
  auto const mixed = attend(whole, {.first = line.first(), .count = line.own()});
  Transposition const back(line, heads_divided, tokens_divided, flight_);
  return back(reordered(mixed.unflatten(kHeadAxis, {line.own(), -1}), order_)).flatten(kHeadAxis);
}

}  // namespace eddyline
