#include "surrogates/ifactformer/mix_layouts.hpp"

#include <algorithm>
#include <optional>

#include <ATen/ATen.h>

namespace eddyline {
namespace {

constexpr size_t kAxes = 3;

/// Lines of an axis that cross a block.
int64_t lines_across(std::array<int64_t, 3> const& cells, size_t axis) {
  return cells[0] * cells[1] * cells[2] / cells[axis];
}

/// The axis of a tensor (B, X, Y, Z, c).
int64_t place_of(CellLayout lines) {
  return static_cast<int64_t>(lines) + 1;
}

size_t place_in(std::vector<CellLayout> const& list, CellLayout layout) {
  return static_cast<size_t>(std::find(list.begin(), list.end(), layout) - list.begin());
}

void add_once(std::vector<CellLayout>& list, CellLayout layout) {
  if (place_in(list, layout) == list.size()) {
    list.push_back(layout);
  }
}

/// Divided axes first and last, those between on the block.
MixChain in_turn(MixChain const& steps) {
  MixChain chain, on_block;
  for (auto const& step : steps) {
    (step.layout == CellLayout::block ? on_block : chain).push_back(step);
  }
  auto const after_first = chain.empty() ? chain.end() : chain.begin() + 1;
  chain.insert(after_first, on_block.begin(), on_block.end());
  return chain;
}

}  // namespace

MixLayouts::MixLayouts(IFactVariant variant,
                       std::array<int64_t, 3> cells,
                       std::shared_ptr<Sharding const> sharding)
    : cells_(cells), sharding_(std::move(sharding)) {
  MixChain steps;
  for (size_t a = 0; a < kAxes; ++a) {
    bool const is_divided = sharding_ && sharding_->axis(a).is_divided();
    steps.push_back({a, is_divided ? static_cast<CellLayout>(a) : CellLayout::block});
  }
  if (variant == IFactVariant::m) {
    for (auto const& step : steps) {
      chains_.push_back({step});
    }
  } else {
    chains_ = {in_turn(steps)};
  }
  for (auto const& chain : chains_) {
    add_once(starts_, chain.front().layout);
    add_once(ends_, chain.back().layout);
  }
}

size_t MixLayouts::start_of(size_t chain) const {
  return place_in(starts_, chains_[chain].front().layout);
}

size_t MixLayouts::end_of(size_t chain) const {
  return place_in(ends_, chains_[chain].back().layout);
}

AxisParts const& MixLayouts::line(CellLayout layout) const {
  return sharding_->axis(static_cast<size_t>(layout));
}

std::vector<int64_t> MixLayouts::shares(CellLayout layout) const {
  return even_sizes(lines_across(cells_, static_cast<size_t>(layout)), line(layout).ranks());
}

int64_t MixLayouts::cells(CellLayout layout) const {
  if (layout == CellLayout::block) {
    return cells_[0] * cells_[1] * cells_[2];
  }
  return line(layout).total() * shares(layout)[static_cast<size_t>(line(layout).rank)];
}

int64_t MixLayouts::all_cells() const {
  if (!sharding_) {
    return cells(CellLayout::block);
  }
  auto const& all = sharding_->block().global;
  return all[0] * all[1] * all[2];
}

int64_t MixLayouts::inner(MixStep const& step) const {
  if (step.layout != CellLayout::block) {
    return cells(step.layout) / line(step.layout).total();
  }
  int64_t count = 1;
  for (size_t a = step.axis + 1; a < kAxes; ++a) {
    count *= cells_[a];
  }
  return count;
}

Transposition::Pending MixLayouts::begin_to_lines(at::Tensor const& x, CellLayout lines) const {
  auto const rows = x.view({x.size(0), cells_[0], cells_[1], cells_[2], x.size(2)})
                        .movedim(place_of(lines), 1)
                        .flatten(2, 3);  // (B, own, lines, c)
  return Transposition(line(lines),
                       {.axis = 1, .sizes = line(lines).sizes},
                       {.axis = 2, .sizes = shares(lines)},
                       sharding_->flight())
      .begin(rows);
}

Transposition::Pending MixLayouts::begin_to_block(at::Tensor const& x, CellLayout lines) const {
  auto const own = shares(lines)[static_cast<size_t>(line(lines).rank)];
  return Transposition(line(lines),
                       {.axis = 2, .sizes = shares(lines)},
                       {.axis = 1, .sizes = line(lines).sizes},
                       sharding_->flight())
      .begin(x.view({x.size(0), line(lines).total(), own, x.size(2)}));
}

at::Tensor MixLayouts::block_of(Transposition::Pending const& pending, CellLayout lines) const {
  auto others = std::vector<int64_t>(cells_.begin(), cells_.end());
  others.erase(others.begin() + static_cast<int64_t>(lines));
  return pending.finish().unflatten(2, others).movedim(1, place_of(lines)).flatten(1, 3);
}

at::Tensor MixLayouts::moved(at::Tensor const& x, CellLayout from, CellLayout to) const {
  if (from == to) {
    return x;
  }
  auto const on_block =
      from == CellLayout::block ? x : block_of(begin_to_block(x, from), from).contiguous();
  return to == CellLayout::block ? on_block : begin_to_lines(on_block, to).finish().flatten(1, 2);
}

MixLayouts::Departed MixLayouts::depart(at::Tensor const& rows) const {
  Departed departed;
  for (auto const layout : starts_) {
    if (layout == CellLayout::block) {
      departed.rows_.emplace_back(rows);
    } else {
      departed.rows_.emplace_back(begin_to_lines(rows, layout));
    }
  }
  return departed;
}

std::vector<at::Tensor> MixLayouts::Departed::arrived() const {
  std::vector<at::Tensor> arrived;
  for (auto const& rows : rows_) {
    auto const* const travelling = std::get_if<Transposition::Pending>(&rows);
    arrived.push_back(travelling ? travelling->finish().flatten(1, 2) : std::get<at::Tensor>(rows));
  }
  return arrived;
}

at::Tensor MixLayouts::on_block(std::vector<at::Tensor> const& parts) const {
  std::vector<std::optional<Transposition::Pending>> travelling(parts.size());
  at::Tensor sum;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (ends_[i] == CellLayout::block) {
      sum = parts[i];
    } else {
      travelling[i] = begin_to_block(parts[i], ends_[i]);
    }
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    if (travelling[i]) {
      auto const part = block_of(*travelling[i], ends_[i]);
      sum = sum.defined() ? sum + part : part;
    }
  }
  return sum;
}

}  // namespace eddyline
