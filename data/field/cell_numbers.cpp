#include "data/field/cell_numbers.hpp"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>

#include "core/entries.hpp"

namespace eddyline {
namespace {

/// Cells that follow each other on an axis.
struct CellRun {
  int64_t first, count;
};

std::vector<CellRun> runs_of(std::vector<int64_t> const& ascending) {
  std::vector<CellRun> runs;
  for (auto const number : ascending) {
    if (!runs.empty() && runs.back().first + runs.back().count == number) {
      ++runs.back().count;
    } else {
      runs.push_back({number, 1});
    }
  }
  return runs;
}

/// The numbers, each once and ascending, and where among them the wanted ones are.
struct Distinct {
  std::vector<int64_t> numbers, places;

  explicit Distinct(std::vector<int64_t> const& wanted) : numbers(wanted) {
    std::ranges::sort(numbers);
    auto const repeated = std::ranges::unique(numbers);
    numbers.erase(repeated.begin(), repeated.end());
    for (auto const number : wanted) {
      places.push_back(std::ranges::lower_bound(numbers, number) - numbers.begin());
    }
  }
};

/// The boxes of all runs on the axes from `axis` on, side by side.
at::Tensor joined_boxes(std::array<std::vector<CellRun>, 3> const& runs,
                        size_t axis,
                        Box box,
                        std::function<at::Tensor(Box const&)> const& read) {
  if (axis == runs.size()) {
    return read(box);
  }
  std::vector<at::Tensor> pieces;
  for (auto const& run : runs[axis]) {
    box.first[axis] = run.first;
    box.size[axis] = run.count;
    pieces.push_back(joined_boxes(runs, axis + 1, box, read));
  }
  return pieces.size() == 1 ? pieces[0] : at::cat(pieces, static_cast<int64_t>(axis) - 3);
}

}  // namespace

CellNumbers numbers_of(Box const& box) {
  CellNumbers cells;
  for (size_t a = 0; a < cells.size(); ++a) {
    cells[a].resize(static_cast<size_t>(box.size[a]));
    std::iota(cells[a].begin(), cells[a].end(), box.first[a]);
  }
  return cells;
}

std::optional<Box> as_box(CellNumbers const& cells) {
  Box box;
  for (size_t a = 0; a < cells.size(); ++a) {
    if (!is_run(cells[a])) {
      return {};
    }
    box.first[a] = cells[a].front();
    box.size[a] = static_cast<int64_t>(cells[a].size());
  }
  return box;
}

at::Tensor take_cells(at::Tensor const& values, CellNumbers const& cells) {
  auto taken = values;
  for (size_t a = 0; a < cells.size(); ++a) {
    taken = take_entries(taken, values.dim() - 3 + static_cast<int64_t>(a), cells[a]);
  }
  return taken;
}

at::Tensor read_cells(CellNumbers const& cells, std::function<at::Tensor(Box const&)> const& read) {
  std::array<std::vector<CellRun>, 3> runs;
  CellNumbers places;
  for (size_t a = 0; a < cells.size(); ++a) {
    auto distinct = Distinct(cells[a]);
    runs[a] = runs_of(distinct.numbers);
    places[a] = std::move(distinct.places);
  }
  auto const values = joined_boxes(runs, 0, {}, read);
  return values.defined() ? take_cells(values, places) : values;
}

}  // namespace eddyline
