#include "core/mesh.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/process_group.hpp"
#include "core/rank_boxes.hpp"

namespace eddyline {
namespace {

int ranks_of(std::array<int, 3> parts, int world) {
  bool const fits =
      std::ranges::all_of(parts, [&](int part) { return part >= 1 && part <= world; });
  auto const ranks = fits ? int64_t{parts[0]} * parts[1] * parts[2] : 1;
  if (!fits || world % ranks != 0) {
    throw Error(
        concat("parallel.domain is [",
               parts[0],
               ", ",
               parts[1],
               ", ",
               parts[2],
               "]; its parts are >= 1 and their product divides the number of ranks, which is ",
               world,
               "; set it to one of ",
               nearest_boxes(boxes_dividing(world), parts)));
  }
  return static_cast<int>(ranks);
}

/// The ranks of one color, of which this one is number `rank` of `size`.
Communicator part_of(Communicator const& ranks, int color, int rank, int size) {
  return ranks.is_rehearsal() ? Communicator::rehearsal(rank, size) : ranks.split(color);
}

Communicator data_of(Communicator const& world, std::array<int, 3> parts) {
  auto const share = ranks_of(parts, world.size());
  return part_of(world, world.rank() % share, world.rank() / share, world.size() / share);
}

Communicator domain_of(Communicator const& world, std::array<int, 3> parts) {
  auto const share = ranks_of(parts, world.size());
  return part_of(world, world.rank() / share, world.rank() % share, share);
}

}  // namespace

Mesh::Mesh(Communicator const& world, std::array<int, 3> parts, Flight flight)
    : world_(world.duplicate()),
      data_(data_of(world, parts)),
      domain_(domain_of(world, parts)),
      parts_(parts),
      flight_(flight) {
  auto const rank = domain_.rank();
  position_ = {rank / (parts[1] * parts[2]), rank / parts[2] % parts[1], rank % parts[2]};
  if (!is_split()) {
    return;
  }
  group_ = make_process_group(domain_);
  std::array<int, 3> const stride = {parts[1] * parts[2], parts[2], 1};
  for (size_t a = 0; a < 3; ++a) {
    if (parts[a] == domain_.size()) {
      lines_[a] = group_;
    } else if (parts[a] > 1) {
      lines_[a] = make_process_group(
          part_of(domain_, rank - position_[a] * stride[a], position_[a], parts[a]));
    }
  }
}

}  // namespace eddyline
