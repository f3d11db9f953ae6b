#include "workflows/rehearsal/memory_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/device.hpp"
#include "core/error.hpp"
#include "core/fitting_allocator.hpp"
#include "core/log.hpp"
#include "workflows/rehearsal/ways_to_share.hpp"

namespace eddyline {
namespace {

constexpr int kMostRanks = 64;
/// Of the room, so that a split that is named fits with something to spare.
constexpr double kSafeShare = 0.9;
/// Of the pieces in which memory comes, which are not full, and of the holes between tensors.
constexpr auto kPiece = 4 * static_cast<double>(kMemoryPiece);
/// Addresses that a rank takes beyond a process that no launcher started (MPI's threads, what the
/// launcher shares with it), and for each further rank of its node. OpenMPI 4.1 took 40, 70 and 90
/// MiB on 2, 4 and 8 ranks before they had exchanged anything.
constexpr double kLaunched = 64 << 20;
constexpr double kNeighbour = 16 << 20;

std::string gibibytes(double bytes) {
  return fmt::format("{:.2f} GiB", bytes / 0x1p30);
}

/// On each number of ranks the way with the least work; of equal ones that with the fewest ranks
/// along an axis.
std::vector<Sharing> best_ways(Rehearsal const& rehearsal, int fewest_ranks) {
  std::vector<Sharing> best;
  for (auto const& way : ways_to_share(rehearsal, kMostRanks)) {
    if (way.ranks < fewest_ranks) {
      continue;
    }
    bool const is_first = best.empty() || best.back().ranks != way.ranks;
    auto const rank = [&](Sharing const& one) {
      // Blocks that are nearly cubes have the least surface to exchange.
      auto const most = *std::ranges::max_element(one.domain);
      return std::tuple(rehearsal.cells_and_samples(one), most, one.domain);
    };
    if (is_first) {
      best.push_back(way);
    } else if (rank(way) < rank(best.back())) {
      best.back() = way;
    }
  }
  return best;
}

/// What a rank will find taken of its room beyond what is now.
double taken_by_launch(MemoryRoom const& room, int ranks_now, int ranks) {
  return room.is_of_addresses ? (ranks_now == 1 ? kLaunched : 0) + kNeighbour * (ranks - ranks_now)
                              : 0;
}

/// What is least over the ranks, as the first that has it describes it.
struct LeastRoom {
  MemoryRoom room;
  std::string text;
};

LeastRoom least_room(Communicator const& world) {
  auto room = memory_room(ranks_on_node(world).size());
  auto const least = world.all_reduce(room.left, Reduction::min);
  auto const owner = static_cast<int>(world.all_reduce(
      static_cast<int64_t>(room.left == least ? world.rank() : world.size()), Reduction::min));
  room.is_shared = world.broadcast(room.is_shared ? "shared" : "", owner) == "shared";
  room.is_of_addresses =
      world.broadcast(room.is_of_addresses ? "addresses" : "", owner) == "addresses";
  room.left = least;
  return {room, world.broadcast(room.describe(), owner)};
}

/// \throw  what the run itself will meet
std::optional<RankNeeds> needs_of_few(Rehearsal const& rehearsal,
                                      Sharing const& sharing,
                                      int64_t most_work) {
  for (auto const factor : {1, 4, 16}) {
    if (auto needs = rehearsal.needs(sharing, factor * most_work)) {
      return needs;
    }
  }
  return std::nullopt;
}

/// Bytes that the run needs beyond what is there; 0 where that cannot be told, which is logged.
double further_bytes(Rehearsal const& rehearsal, CheckedRun const& run, Sharing const& sharing) {
  std::string cause = "the network does not take as few cells as are tried";
  try {
    if (auto const needs = needs_of_few(rehearsal, sharing, kTriedAtStart)) {
      return static_cast<double>(needs->bytes() - rehearsal.present_bytes());
    }
  } catch (std::exception const& error) {
    cause = error.what();
    std::ranges::replace(cause, '\n', ' ');
  }
  log_warning("whether there is memory for this ", run.run, " was not checked: ", cause);
  return 0;
}

}  // namespace

std::optional<RankNeeds> quick_needs(Rehearsal const& rehearsal,
                                     Sharing const& sharing,
                                     int64_t most_work) {
  try {
    return needs_of_few(rehearsal, sharing, most_work);
  } catch (std::exception const&) {
    return std::nullopt;  // what the run itself will meet, it says better
  }
}

std::string way_out(Rehearsal const& rehearsal, Sharing const& now, MemoryRoom const& room) {
  auto const work_now = static_cast<double>(rehearsal.cells_and_samples(now));
  auto const needs_now = quick_needs(rehearsal, now);
  auto const present = static_cast<double>(rehearsal.present_bytes());
  for (auto const& way : best_ways(rehearsal, now.ranks + 1)) {
    auto const allowed = kSafeShare * (room.left - taken_by_launch(room, now.ranks, way.ranks));
    auto const share = static_cast<double>(rehearsal.cells_and_samples(way)) / work_now;
    if (needs_now && share * (static_cast<double>(needs_now->tensor_bytes) - present) > allowed) {
      continue;  // what does not depend on cells comes on top
    }
    auto const needs = quick_needs(rehearsal, way);
    auto const bytes = needs ? static_cast<double>(needs->bytes()) - present : 0;
    if (needs && bytes + kPiece <= allowed) {
      return fmt::format(
          "share it out over more ranks: parallel.domain=[{}, {}, {}] with mpirun -np {}{} needs "
          "about {} a rank",
          way.domain[0],
          way.domain[1],
          way.domain[2],
          way.ranks,
          room.is_shared ? ", one rank on each machine," : "",
          gibibytes(bytes));
    }
  }
  return concat("no split over up to ", kMostRanks, " ranks fits: take fewer samples at once");
}

void check_memory(Rehearsal const& rehearsal, CheckedRun const& run, Mesh const& mesh) {
  auto const& world = mesh.world();
  // Before anything is tried: what a trial frees stays with the process.
  auto const [room, text_of_room] = least_room(world);
  Sharing const sharing{world.size(), mesh.parts()};
  if (rehearsal.ample_bytes(sharing) + kPiece <= room.left) {
    return;  // the same on all ranks
  }
  auto const ranks_here = ranks_on_node(world).size();
  double bytes = 0;
  world.together([&] {
    if (world.is_root()) {
      bytes = further_bytes(rehearsal, run, sharing);
    }
  });
  bytes = world.all_reduce(bytes, Reduction::max);
  if (bytes == 0 || bytes + kPiece <= room.left) {
    return;
  }
  std::string text;
  world.together([&] {
    if (world.is_root()) {
      auto alone = room;
      alone.left *= room.is_shared ? ranks_here : 1;
      text = concat("this ",
                    run.run,
                    " needs about ",
                    gibibytes(bytes),
                    " on a rank, but ",
                    gibibytes(room.left),
                    " are left: ",
                    text_of_room,
                    "; ",
                    way_out(rehearsal, sharing, alone),
                    ", or raise the limit; ",
                    run.key,
                    "=false tries it all the same");
    }
  });
  text = world.broadcast(text);
  world.together([&] { throw Failure(text); });
}

}  // namespace eddyline
