#include "solvers/numerics/halo.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace eddyline {
namespace {

/// A contiguous array seen along one axis: blocks of `inner` values, `length` of them, `outer`
/// times.
struct Along {
  int64_t outer = 1;
  int64_t length = 1;
  int64_t inner = 1;
};

Along along(std::array<int64_t, 3> const& size, int64_t channels, int axis) {
  Along view{.outer = channels, .length = size[static_cast<size_t>(axis)]};
  for (int a = 0; a < 3; ++a) {
    (a < axis ? view.outer : view.inner) *= a == axis ? 1 : size[static_cast<size_t>(a)];
  }
  return view;
}

/// Copies layers first, first + step, … (`count` of them) of `from` to `to`.
void copy_layers(Along const& view,
                 double const* from,
                 double* to,
                 std::array<int64_t, 3> first_step_count) {
  auto const [first, step, count] = first_step_count;
  for (int64_t o = 0; o < view.outer; ++o) {
    for (int64_t layer = 0; layer < count; ++layer) {
      auto const* const source = from + (o * view.length + first + layer * step) * view.inner;
      to = std::copy_n(source, view.inner, to);
    }
  }
}

}  // namespace

Halo::Halo(Block const& block,
           int64_t channels,
           int64_t width,
           std::array<HaloEdge, 3> edges,
           Communicator const& ranks)
    : size_(block.box.size),
      channels_(channels),
      width_(width),
      edges_(edges),
      communicator_(ranks.handle()) {
  Decomposition const decomposition(block.global, block.parts);
  EDDYLINE_ENSURE(
      decomposition.ranks() == ranks.size() && decomposition.block(ranks.rank()) == block,
      "rank ",
      ranks.rank(),
      " of ",
      ranks.size());
  ranks.together([&] {
    for (size_t a = 0; a < 3; ++a) {
      require(edges[a] == HaloEdge::none || size_[a] >= width,
              "axis ",
              "DHW"[a],
              " of ",
              block.global[a],
              " cells over ",
              block.parts[a],
              " ranks leaves blocks of ",
              size_[a],
              ", thinner than the halo of ",
              width,
              "; use fewer ranks");
    }
  });
  for (int axis = 0; axis < 3; ++axis) {
    auto const a = static_cast<size_t>(axis);
    for (auto const side : {Side::low, Side::high}) {
      auto const i = index(axis, side);
      auto position = block.position;
      position[a] += side == Side::low ? -1 : 1;
      if (edges[a] == HaloEdge::periodic) {
        position[a] = (position[a] + block.parts[a]) % block.parts[a];
      }
      neighbours_[i] = edges[a] == HaloEdge::none ? -1 : decomposition.rank_at(position);
      if (edges[a] != HaloEdge::none) {
        faces_[i].resize(static_cast<size_t>(channels * block.box.cells() / size_[a] * width));
        outgoing_[i].resize(neighbours_[i] >= 0 ? faces_[i].size() : 0);
      }
    }
  }
}

void Halo::pack(std::span<double const> values, int axis, Side side) {
  auto const view = along(size_, channels_, axis);
  auto const first = side == Side::low ? 0 : view.length - width_;
  copy_layers(view, values.data(), outgoing_[index(axis, side)].data(), {first, 1, width_});
}

void Halo::mirror(std::span<double const> values, int axis, Side side) {
  auto const view = along(size_, channels_, axis);
  auto const first = side == Side::low ? width_ - 1 : view.length - 1;
  copy_layers(view, values.data(), faces_[index(axis, side)].data(), {first, -1, width_});
}

void Halo::begin(std::span<double const> values) {
  EDDYLINE_ENSURE(requests_.empty(), "the last exchange was not finished");
  EDDYLINE_ENSURE(static_cast<int64_t>(values.size()) == channels_ * size_[0] * size_[1] * size_[2],
                  values.size());
  for (int i = 0; i < 6; ++i) {
    auto const at = static_cast<size_t>(i);
    if (neighbours_[at] >= 0) {
      // Named by the side it arrives at, so that two neighbours that are one rank do not mix.
      MPI_Irecv(faces_[at].data(),
                static_cast<int>(faces_[at].size()),
                MPI_DOUBLE,
                neighbours_[at],
                i,
                communicator_,
                &requests_.emplace_back());
    }
  }
  for (int i = 0; i < 6; ++i) {
    auto const at = static_cast<size_t>(i);
    auto const side = i % 2 == 0 ? Side::low : Side::high;
    if (neighbours_[at] >= 0) {
      pack(values, i / 2, side);
      MPI_Isend(outgoing_[at].data(),
                static_cast<int>(outgoing_[at].size()),
                MPI_DOUBLE,
                neighbours_[at],
                i ^ 1,
                communicator_,
                &requests_.emplace_back());
    } else if (edges_[at / 2] == HaloEdge::mirror) {
      mirror(values, i / 2, side);
    }
  }
}

void Halo::finish() {
  MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE);
  requests_.clear();
}

}  // namespace eddyline
