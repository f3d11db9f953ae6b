#include "surrogates/gphyt/shares.hpp"

#include <vector>

#include <ATen/ATen.h>

#include "surrogates/layers/split_tokens.hpp"

namespace eddyline {
namespace {

/// Groups of a sample, times of the queries and of the keys in each.
struct ShareShape {
  int64_t groups, rows, seen;
};

at::Tensor samples_of(Pass const& pass) {
  return at::tensor(pass.samples, at::kLong);
}

at::Tensor counted(int64_t count) {
  return at::arange(count, at::kLong);
}

/// (B·groups, heads, rows·n, seen·m) of queries of this rank and keys of `source`.
at::Tensor factors_of(GphytShareDrop const& by,
                      SplitAttention const& split,
                      int source,
                      ShareShape const& shape,
                      uint64_t site) {
  auto const heads = by.groups.heads, all = split.total();
  auto const places = [&](int64_t times, at::Tensor const& numbers) {
    return (counted(times).unsqueeze(1) * all + numbers).flatten();
  };
  auto const queries = places(shape.rows, split.numbers());
  auto const lines = counted(shape.groups * heads).view({1, -1, 1}) * (shape.rows * all) + queries;
  auto const batch = static_cast<int64_t>(by.pass.samples.size());
  auto const numbers = lines.expand({batch, -1, -1});
  auto pass = by.pass;
  auto drawn = row_places(samples_of(pass).view({-1, 1, 1}).expand(numbers.sizes()), numbers);
  auto const keys = places(shape.seen, split.numbers(source)).contiguous();
  drawn.columns.assign(keys.const_data_ptr<int64_t>(),
                       keys.const_data_ptr<int64_t>() + keys.numel());
  drawn.length = shape.seen * all;
  pass.places = std::make_shared<RowPlaces const>(std::move(drawn));
  return drop(at::ones({batch * shape.groups, heads, queries.numel(), keys.numel()}),
              by.probability,
              site,
              pass);
}

}  // namespace

Pass pass_of_heads(Pass pass, at::Tensor const& queries, HeadRange own, int64_t heads) {
  auto const batch = static_cast<int64_t>(pass.samples.size());
  auto const groups = queries.size(0) / batch, length = queries.size(2);
  auto const head = counted(groups).unsqueeze(1) * heads + own.first + counted(own.count);
  auto const numbers =
      (head.unsqueeze(2) * length + counted(length)).expand({batch, groups, own.count, length});
  pass.places = std::make_shared<RowPlaces const>(
      row_places(samples_of(pass).view({-1, 1, 1, 1}).expand(numbers.sizes()), numbers));
  return pass;
}

Pass pass_of_lines(Pass pass, at::Tensor const& numbers, int64_t heads) {
  auto const batch = static_cast<int64_t>(pass.samples.size());
  auto const lines = numbers.expand({batch, -1});
  pass.places = std::make_shared<RowPlaces const>(
      score_places(samples_of(pass).unsqueeze(1).expand(lines.sizes()), lines, heads));
  return pass;
}

ShareFactors share_factors(GphytShareDrop const& drop,
                           std::shared_ptr<SplitAttention const> const& split,
                           int64_t rows,
                           int64_t times) {
  if (!drop.pass.training || drop.probability <= 0) {
    return {};
  }
  auto const mode = drop.groups.mode;
  if (mode == GphytAttentionMode::full_causal && rows > 1) {
    return [=](int source) {  // a mask for each time, of the keys that it sees
      auto const keys = split->numbers(source).numel();
      std::vector<at::Tensor> of_times;
      for (auto seen = times - rows + 1; seen <= times; ++seen) {
        auto const own =
            factors_of(drop, *split, source, {1, 1, seen}, drop.site + static_cast<uint64_t>(seen));
        of_times.push_back(at::constant_pad_nd(own, {0, (times - seen) * keys}));
      }
      return at::cat(of_times, 2);
    };
  }
  auto const shape =
      mode == GphytAttentionMode::spatial ? ShareShape{rows, 1, 1} : ShareShape{1, rows, times};
  return [=](int source) { return factors_of(drop, *split, source, shape, drop.site); };
}

}  // namespace eddyline
