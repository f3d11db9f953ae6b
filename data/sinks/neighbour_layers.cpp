#include "data/sinks/neighbour_layers.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr int kUpTag = 1, kDownTag = 2;

int rank_beside(Block const& block, size_t axis, int step) {
  auto position = block.position;
  position[axis] += step;
  if (position[axis] < 0 || position[axis] >= block.parts[axis]) {
    return MPI_PROC_NULL;
  }
  return (position[0] * block.parts[1] + position[1]) * block.parts[2] + position[2];
}

/// Layers that cross one side of the block. Neighbours' wishes differ only where the grid ends, so
/// each tells the other.
struct SideLayers {
  int64_t mine = 0;    ///< that this rank wants from there
  int64_t theirs = 0;  ///< that the neighbour wants from here
  int neighbour = MPI_PROC_NULL;
};

SideLayers agree(int neighbour, int64_t mine, Communicator const& ranks) {
  SideLayers side{.mine = mine, .neighbour = neighbour};
  MPI_Sendrecv(&side.mine,
               1,
               MPI_INT64_T,
               neighbour,
               kUpTag,
               &side.theirs,
               1,
               MPI_INT64_T,
               neighbour,
               kUpTag,
               ranks.handle(),
               MPI_STATUS_IGNORE);
  return side;
}

/// A tensor as MPI counts it: by rows, since its bytes may be more than an int holds.
class Rows {
 public:
  explicit Rows(at::Tensor const& x)
      : count_(static_cast<int>(x.size(-1) == 0 ? 0 : x.numel() / x.size(-1))) {
    MPI_Type_contiguous(static_cast<int>(x.size(-1) * x.element_size()), MPI_BYTE, &row_);
    MPI_Type_commit(&row_);
  }
  Rows(Rows const&) = delete;
  Rows& operator=(Rows const&) = delete;
  ~Rows() { MPI_Type_free(&row_); }
  int count() const { return count_; }
  MPI_Datatype row() const { return row_; }

 private:
  int count_;
  MPI_Datatype row_ = MPI_DATATYPE_NULL;
};

/// Sends layers one way along an axis and receives from the other side.
void pass(at::Tensor const& outgoing, int to, at::Tensor const& incoming, int from, MPI_Comm comm) {
  Rows const out(outgoing), in(incoming);
  MPI_Sendrecv(outgoing.data_ptr(),
               out.count(),
               out.row(),
               to,
               kDownTag,
               incoming.data_ptr(),
               in.count(),
               in.row(),
               from,
               kDownTag,
               comm,
               MPI_STATUS_IGNORE);
}

at::Tensor extend(at::Tensor const& x,
                  int64_t axis,
                  SideLayers const& low,
                  SideLayers const& high,
                  Communicator const& ranks) {
  auto const own = x.size(axis);
  auto const thinnest = ranks.all_reduce(own - std::max(low.theirs, high.theirs), Reduction::min);
  require(thinnest >= 0,
          "a block has fewer cells along axis ",
          "CDHW"[axis],
          " than the layers that its neighbours show of it; set catalyst.ghosts=0 or use fewer "
          "ranks");
  auto const layers = [&](int64_t first, int64_t count) {
    return x.narrow(axis, first, count).contiguous();
  };
  auto const room = [&](int64_t count) {
    auto shape = x.sizes().vec();
    shape[static_cast<size_t>(axis)] = count;
    return at::empty(shape, x.options());
  };
  auto const below = room(low.mine);
  auto const above = room(high.mine);
  pass(layers(0, low.theirs), low.neighbour, above, high.neighbour, ranks.handle());
  pass(
      layers(own - high.theirs, high.theirs), high.neighbour, below, low.neighbour, ranks.handle());
  return at::cat({below, x, above}, axis);
}

}  // namespace

Box with_layers(Block const& block, int64_t before, int64_t after) {
  auto box = block.box;
  for (size_t a = 0; a < 3; ++a) {
    if (block.parts[a] > 1) {
      auto const first = std::max<int64_t>(block.box.first[a] - before, 0);
      auto const end = std::min(block.box.first[a] + block.box.size[a] + after, block.global[a]);
      box.first[a] = first;
      box.size[a] = end - first;
    }
  }
  return box;
}

at::Tensor with_neighbours(at::Tensor const& values,
                           Block const& block,
                           Box const& wanted,
                           Communicator const& ranks) {
  auto x = values;
  for (size_t a = 0; a < 3; ++a) {
    if (block.parts[a] == 1) {
      continue;
    }
    auto const end = block.box.first[a] + block.box.size[a];
    auto const below = block.box.first[a] - wanted.first[a];
    auto const above = wanted.first[a] + wanted.size[a] - end;
    auto const low = agree(rank_beside(block, a, -1), below, ranks);
    auto const high = agree(rank_beside(block, a, 1), above, ranks);
    x = extend(x, static_cast<int64_t>(a) + 1, low, high, ranks);
  }
  return x;
}

}  // namespace eddyline
