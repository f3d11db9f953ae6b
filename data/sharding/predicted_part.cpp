#include "data/sharding/predicted_part.hpp"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/TensorIndexing.h>

#include "core/error.hpp"
#include "core/process_group.hpp"
#include "core/transfer.hpp"
#include "data/sharding/exchange.hpp"

namespace eddyline {
namespace {

/// A rank's piece of an axis.
struct AxisPiece {
  int64_t first, size;

  AxisPiece(AxisParts const& parts, int position)
      : first(parts.first(position)), size(parts.sizes[static_cast<size_t>(position)]) {}
  bool holds(int64_t cell) const { return cell >= first && cell < first + size; }
};

/// Cells of a part on one axis that lie in a piece of the grid and in one of the part, by their
/// numbers in each.
struct SharedCells {
  std::vector<int64_t> in_grid, in_part;

  SharedCells(std::vector<int64_t> const& part,
              AxisPiece const& of_grid,
              AxisPiece const& of_part) {
    for (int64_t i = 0; i < of_part.size; ++i) {
      auto const cell = part[static_cast<size_t>(of_part.first + i)];
      if (of_grid.holds(cell)) {
        in_grid.push_back(cell - of_grid.first);
        in_part.push_back(i);
      }
    }
  }
};

bool is_empty(CellNumbers const& cells) {
  return std::ranges::any_of(cells, [](auto const& numbers) { return numbers.empty(); });
}

int64_t count_of(CellNumbers const& cells) {
  return std::accumulate(cells.begin(), cells.end(), int64_t{1}, [](int64_t n, auto const& axis) {
    return n * static_cast<int64_t>(axis.size());
  });
}

void put_cells(at::Tensor const& values, CellNumbers const& cells, at::Tensor const& piece) {
  std::vector<at::indexing::TensorIndex> index = {at::indexing::Ellipsis};
  auto sizes = values.sizes().vec();
  for (size_t a = 0; a < cells.size(); ++a) {
    std::array<int64_t, 3> shape = {1, 1, 1};
    shape[a] = static_cast<int64_t>(cells[a].size());
    sizes[sizes.size() - cells.size() + a] = shape[a];
    index.emplace_back(sent(at::tensor(cells[a], at::kLong).view(shape), values.device()));
  }
  auto target = values;
  target.index_put_(index, piece.view(sizes));
}

/// Cells of (…, D, H, W) on their way to the ranks, and those that arrive in (…, size), which are
/// zero where none does.
at::Tensor moved(at::Tensor const& values,
                 std::vector<CellNumbers> const& leaving,
                 std::vector<CellNumbers> const& arriving,
                 std::array<int64_t, 3> const& size,
                 Mesh::Group const& group) {
  auto shape = values.sizes().vec();
  auto const lines = c10::multiply_integers(shape.begin(), shape.end() - 3);
  std::vector<at::Tensor> pieces;
  std::vector<int64_t> counts_out, counts_in;
  for (auto const& cells : leaving) {
    pieces.push_back(is_empty(cells) ? at::empty({0}, values.options())
                                     : take_cells(values, cells).reshape({-1}));
    counts_out.push_back(pieces.back().numel());
  }
  for (auto const& cells : arriving) {
    counts_in.push_back(lines * count_of(cells));
  }
  auto packed = at::cat(pieces);
  auto buffer = at::empty({std::accumulate(counts_in.begin(), counts_in.end(), int64_t{0})},
                          values.options());
  {
    TrafficKind const kind("region");
    group->alltoall_base(buffer, packed, counts_in, counts_out)->wait();
  }
  std::ranges::copy(size, shape.end() - 3);
  auto result = at::zeros(shape, values.options());
  auto const arrived = buffer.split_with_sizes(counts_in);
  for (size_t i = 0; i < arriving.size(); ++i) {
    if (!is_empty(arriving[i])) {
      put_cells(result, arriving[i], arrived[i]);
    }
  }
  return result;
}

}  // namespace

PredictedPart::PredictedPart(GridPart cells, Sharding const& grid, std::array<int64_t, 3> patch)
    : cells_(std::move(cells)), held_(grid.block().box.size) {
  auto const depth = grid.block().global[0];
  auto const numbers = [&] {
    auto all = numbers_of({.size = {depth, 1, 1}});
    return CellNumbers{std::move(all[0]), cells_.rows, cells_.columns};
  }();
  std::array<int64_t, 3> const size = {
      depth, static_cast<int64_t>(cells_.rows.size()), static_cast<int64_t>(cells_.columns.size())};
  sharding_ =
      with_context([&] { return std::make_shared<Sharding const>(grid.division_of(size, patch)); },
                   "dividing the region that the network predicts by parallel.domain");
  auto const& mesh = grid.mesh();
  auto const own = mesh.position();
  Decomposition const ranks(size, mesh.parts(), patch);
  for (int rank = 0; rank < mesh.domain().size(); ++rank) {
    auto const other = ranks.block(rank).position;
    CellNumbers given, gotten;
    for (size_t a = 0; a < 3; ++a) {
      auto const shared = [&](int of_grid, int of_part) {
        return SharedCells(numbers[a], {grid.axis(a), of_grid}, {sharding_->axis(a), of_part});
      };
      given[a] = shared(own[a], other[a]).in_grid;
      gotten[a] = shared(other[a], own[a]).in_part;
    }
    given_.push_back(std::move(given));
    gotten_.push_back(std::move(gotten));
  }
}

at::Tensor PredictedPart::take(at::Tensor const& values, Mesh::Group const& group) const {
  if (!sharding_ || !sharding_->is_divided()) {
    return cells_.crop(values);
  }
  auto const size = sharding_->block().box.size;
  auto const& ranks = group ? group : sharding_->group();
  // Autograd keeps the maps, perhaps longer than this object lives.
  return exchange(
      values,
      [=, given = given_, gotten = gotten_](at::Tensor const& x) {
        return moved(x, given, gotten, size, ranks);
      },
      [=, held = held_, given = given_, gotten = gotten_](at::Tensor const& gradient) {
        return moved(gradient, gotten, given, held, ranks);
      });
}

}  // namespace eddyline
