#include "data/sharding/collectives.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include <ATen/ATen.h>

#include "core/entries.hpp"
#include "core/error.hpp"
#include "core/process_group.hpp"
#include "core/transfer.hpp"
#include "data/sharding/exchange.hpp"

namespace eddyline {
namespace {

at::Tensor all_reduced(at::Tensor const& x, Mesh::Group const& group) {
  TrafficKind const kind("reduction");
  std::vector<at::Tensor> sums = {x.clone(at::MemoryFormat::Contiguous)};
  group->allreduce(sums)->wait();
  return sums[0];
}

/// Who needs which cells of an axis for its halo.
class HaloPlan {
 public:
  HaloPlan(AxisParts const& parts, HaloWidth width, Border border)
      : parts_(parts), width_(width), border_(border) {}

  /// Cells of rank `from`, in its own numbers, that `to` needs; with their places in the halo of
  /// `to`: its layers before the block, then those after it.
  struct Layers {
    std::vector<int64_t> cells, places;
  };
  Layers layers(int from, int to) const {
    Layers found;
    auto const first = parts_.first(to);
    auto const end = first + parts_.sizes[static_cast<size_t>(to)];
    auto const own = parts_.first(from);
    for (int64_t i = 0; i < width_.before + width_.after; ++i) {
      auto const cell =
          source(i < width_.before ? first - width_.before + i : end + i - width_.before);
      if (cell >= own && cell < own + parts_.sizes[static_cast<size_t>(from)]) {
        found.cells.push_back(cell - own);
        found.places.push_back(i);
      }
    }
    return found;
  }

 private:
  /// The cell whose value is at `place` of the extended axis; -1: none.
  int64_t source(int64_t place) const {
    auto const total = parts_.total();
    switch (border_) {
      case Border::periodic:
        return (place % total + total) % total;
      case Border::replicate:
        return std::clamp<int64_t>(place, 0, total - 1);
      case Border::zero:
        break;
    }
    return place >= 0 && place < total ? place : -1;
  }

  AxisParts const& parts_;
  HaloWidth width_;
  Border border_;
};

at::Tensor numbers_of(std::vector<int64_t> const& numbers, at::Device device) {
  return sent(at::tensor(numbers, at::kLong), device);
}

/// Sends selected layers of `x` (axis in front) to each rank; gives what came from each.
/// \param leaving   layers for each rank
/// \param arriving  number of layers from each rank
std::vector<at::Tensor> send_layers(at::Tensor const& x,
                                    std::vector<std::vector<int64_t>> const& leaving,
                                    std::vector<int64_t> arriving,
                                    Mesh::Group const& group) {
  std::vector<int64_t> all, counts;
  for (auto const& layers : leaving) {
    all.insert(all.end(), layers.begin(), layers.end());
    counts.push_back(static_cast<int64_t>(layers.size()));
  }
  auto packed = take_entries(x, 0, all).contiguous();
  auto sizes = x.sizes().vec();
  sizes[0] = std::accumulate(arriving.begin(), arriving.end(), int64_t{0});
  auto buffer = at::empty(sizes, x.options());
  if (group) {
    TrafficKind const kind("halo");
    group->alltoall_base(buffer, packed, arriving, counts)->wait();
  } else {
    buffer = packed;
  }
  return buffer.split_with_sizes(arriving, 0);
}

struct HaloExchange {
  AxisParts parts;
  HaloWidth width;
  std::vector<HaloPlan::Layers> leaving, arriving;

  HaloExchange(AxisParts const& line, HaloWidth layers, Border border)
      : parts(line), width(layers) {
    HaloPlan const plan(parts, width, border);
    for (int rank = 0; rank < parts.ranks(); ++rank) {
      leaving.push_back(plan.layers(parts.rank, rank));
      arriving.push_back(plan.layers(rank, parts.rank));
    }
  }

  at::Tensor extend(at::Tensor const& x, int64_t axis) const {
    auto const block = x.movedim(axis, 0);
    std::vector<std::vector<int64_t>> cells;
    std::vector<int64_t> counts;
    for (size_t rank = 0; rank < leaving.size(); ++rank) {
      cells.push_back(leaving[rank].cells);
      counts.push_back(static_cast<int64_t>(arriving[rank].places.size()));
    }
    auto const pieces = send_layers(block, cells, counts, parts.group);
    auto sizes = block.sizes().vec();
    sizes[0] = width.before + width.after;
    auto const halo = at::zeros(sizes, x.options());
    for (size_t rank = 0; rank < pieces.size(); ++rank) {
      halo.index_copy_(0, numbers_of(arriving[rank].places, x.device()), pieces[rank]);
    }
    return at::cat(
               {halo.narrow(0, 0, width.before), block, halo.narrow(0, width.before, width.after)})
        .movedim(0, axis)
        .contiguous();
  }

  at::Tensor fold(at::Tensor const& gradient, int64_t axis) const {
    auto const extended = gradient.movedim(axis, 0);
    auto const block = extended.narrow(0, width.before, parts.own()).clone();
    auto const halo = at::cat({extended.narrow(0, 0, width.before),
                               extended.narrow(0, width.before + parts.own(), width.after)});
    std::vector<std::vector<int64_t>> places;
    std::vector<int64_t> counts;
    for (size_t rank = 0; rank < leaving.size(); ++rank) {
      places.push_back(arriving[rank].places);
      counts.push_back(static_cast<int64_t>(leaving[rank].cells.size()));
    }
    auto const pieces = send_layers(halo, places, counts, parts.group);
    for (size_t rank = 0; rank < pieces.size(); ++rank) {
      block.index_add_(0, numbers_of(leaving[rank].cells, block.device()), pieces[rank]);
    }
    return block.movedim(0, axis).contiguous();
  }
};

}  // namespace

at::Tensor sum_over(at::Tensor const& x, Mesh::Group const& group) {
  if (!group) {
    return x;
  }
  auto const sum = [group](at::Tensor const& values) { return all_reduced(values, group); };
  return exchange(x, sum, sum);
}

at::Tensor gather_ranks(at::Tensor const& x, Mesh::Group const& group) {
  if (!group) {
    return x.detach().unsqueeze(0);
  }
  TrafficKind const kind("reduction");
  auto own = x.detach().contiguous();
  auto sizes = own.sizes().vec();
  sizes.insert(sizes.begin(), group->getSize());
  auto all = at::empty(sizes, own.options());
  group->_allgather_base(all, own)->wait();
  return all;
}

at::Tensor with_halo(
    at::Tensor const& x, int64_t axis, AxisParts const& parts, HaloWidth width, Border border) {
  if (width.before + width.after == 0) {
    return x;
  }
  EDDYLINE_ENSURE(x.size(axis) == parts.own(), "axis ", axis, " has ", x.size(axis));
  HaloExchange const halo(parts, width, border);
  return exchange(
      x,
      [=](at::Tensor const& block) { return halo.extend(block, axis); },
      [=](at::Tensor const& gradient) { return halo.fold(gradient, axis); });
}

}  // namespace eddyline
