#include "surrogates/layers/split_tokens.hpp"

#include <numeric>

#include <ATen/ATen.h>

namespace eddyline {

TokenRange::TokenRange(std::vector<int64_t> samples, int64_t frames, Sharding const& tokens)
    : samples_(std::move(samples)), all_{frames}, first_{0}, own_{frames} {
  auto const& block = tokens.block();
  for (size_t a = 0; a < 3; ++a) {
    all_[a + 1] = block.global[a];
    first_[a + 1] = block.box.first[a];
    own_[a + 1] = block.box.size[a];
  }
}

TokenRange TokenRange::whole(size_t axis) const {
  auto range = *this;
  range.first_[axis] = 0;
  range.own_[axis] = all_[axis];
  return range;
}

TokenRange TokenRange::without(size_t axis) const {
  auto range = *this;
  range.first_[axis] = 0;
  range.all_[axis] = range.own_[axis] = 1;
  return range;
}

at::Tensor TokenRange::numbers() const {
  auto numbers = at::zeros({1, 1, 1, 1}, at::kLong);
  for (size_t a = 0; a < 4; ++a) {
    std::vector<int64_t> shape(4, 1);
    shape[a] = own_[a];
    numbers = numbers * all_[a] + at::arange(first_[a], first_[a] + own_[a], at::kLong).view(shape);
  }
  auto sizes = numbers.sizes().vec();
  sizes.insert(sizes.begin(), static_cast<int64_t>(samples_.size()));
  return numbers.expand(sizes);
}

at::Tensor TokenRange::samples() const {
  return at::tensor(samples_, at::kLong).view({-1, 1, 1, 1, 1}).expand(numbers().sizes());
}

RowPlaces TokenRange::places() const {
  return row_places(samples(), numbers());
}

RowPlaces row_places(at::Tensor const& samples, at::Tensor const& numbers) {
  auto const list = [](at::Tensor const& values) {
    auto const flat = values.reshape({-1}).contiguous();
    auto const* data = flat.const_data_ptr<int64_t>();
    return std::vector<int64_t>(data, data + flat.numel());
  };
  return {.samples = list(samples), .places = list(numbers)};
}

RowPlaces score_places(at::Tensor const& samples, at::Tensor const& numbers, int64_t heads) {
  auto const rows = numbers.unsqueeze(-1) * heads + at::arange(heads, at::kLong);
  return row_places(samples.unsqueeze(-1).expand(rows.sizes()), rows);
}

SplitLines::SplitLines(AxisParts const& line, int64_t axis, at::IntArrayRef sizes, Flight flight)
    : line_(line), axis_(axis), moved_(sizes.begin(), sizes.end() - 1), flight_(flight) {
  auto const length = moved_[static_cast<size_t>(axis)];
  moved_.erase(moved_.begin() + axis);
  auto const lines = std::accumulate(moved_.begin(), moved_.end(), int64_t{1}, std::multiplies<>());
  moved_.insert(moved_.begin(), length);
  blocks_ = {.axis = 0, .sizes = line.sizes};
  whole_ = {.axis = 1, .sizes = even_sizes(lines, line.ranks())};
}

Transposition::Pending SplitLines::begin(at::Tensor const& block) const {
  return Transposition(line_, blocks_, whole_, flight_)
      .begin(block.movedim(axis_, 0).reshape({line_.own(), -1, block.size(-1)}));
}

Transposition::Pending SplitLines::begin_back(at::Tensor const& lines) const {
  return Transposition(line_, whole_, blocks_, flight_).begin(lines);
}

at::Tensor SplitLines::finished(Transposition::Pending const& back) const {
  auto const rows = back.finish();
  auto sizes = moved_;
  sizes.push_back(rows.size(-1));
  return rows.view(sizes).movedim(0, axis_);
}

int64_t SplitLines::first_line() const {
  return std::accumulate(whole_.sizes.begin(), whole_.sizes.begin() + line_.rank, int64_t{0});
}

int64_t SplitLines::lines() const {
  return whole_.sizes[static_cast<size_t>(line_.rank)];
}

}  // namespace eddyline
