#include "core/memory_room.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <vector>

#include "core/fitting_allocator.hpp"
#include "core/log.hpp"

namespace eddyline {
namespace {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();

/// What a limit of this process leaves beyond what it holds (a key of its status).
void add_limit(std::vector<MemoryRoom>& rooms,
               decltype(RLIMIT_AS) resource,
               char const* name,
               double held) {
  rlimit limit{};
  if (getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    auto const bytes = static_cast<double>(limit.rlim_cur);
    rooms.push_back(
        {.limit = bytes, .taken = held, .is_of_addresses = resource == RLIMIT_AS, .name = name});
  }
}

double number_in(std::filesystem::path const& file) {
  std::ifstream in(file);
  double number = 0;
  return in >> number ? number : kUnbounded;  // "max" is no number
}

/// Of a control group: file pages that the system gives back when they are needed.
double reclaimable_in(std::filesystem::path const& file) {
  std::ifstream in(file);
  std::string key;
  double bytes = 0;
  double active = 0;
  double inactive = 0;
  while (in >> key >> bytes) {
    active = key == "active_file" || key == "total_active_file" ? bytes : active;
    inactive = key == "inactive_file" || key == "total_inactive_file" ? bytes : inactive;
  }
  return active + inactive;
}

/// A group and those that it is in, each with a limit of its own; version 1 or 2 by names.
void add_groups(std::vector<MemoryRoom>& rooms,
                std::filesystem::path const& root,
                std::string const& group,
                std::array<char const*, 2> names,
                double most) {
  auto folder = root / std::filesystem::path(group).relative_path();
  for (auto depth = 0; depth < 64; ++depth, folder = folder.parent_path()) {
    auto const limit = number_in(folder / names[0]);
    auto const used = number_in(folder / names[1]);
    if (limit < most && used < kUnbounded) {
      auto const held = std::max(0.0, used - reclaimable_in(folder / "memory.stat"));
      rooms.push_back({.limit = limit,
                       .taken = held,
                       .is_shared = true,
                       .name = "the control group of this job (" + folder.string() + ")"});
    }
    if (folder == root || folder == folder.parent_path()) {
      return;
    }
  }
}

/// A line of /proc/self/cgroup is "0::/group" (version 2) or "4:memory:/group" (version 1).
void add_control_groups(std::vector<MemoryRoom>& rooms, MemoryFiles const& files, double most) {
  std::ifstream in(files.process / "cgroup");
  for (std::string line; std::getline(in, line);) {
    auto const first = line.find(':');
    auto const second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    auto const kinds = line.substr(first + 1, second - first - 1);
    auto const group = line.substr(second + 1);
    if (kinds.empty()) {
      add_groups(rooms, files.control_groups, group, {"memory.max", "memory.current"}, most);
    } else if (kinds == "memory") {
      add_groups(rooms,
                 files.control_groups / "memory",
                 group,
                 {"memory.limit_in_bytes", "memory.usage_in_bytes"},
                 most);
    }
  }
}

}  // namespace

std::string MemoryRoom::describe() const {
  auto const text = fmt::format(
      "{} allows {:.2f} GiB, of which {:.2f} GiB are taken", name, limit / 0x1p30, taken / 0x1p30);
  return ranks > 1 ? fmt::format("{}, and {} ranks share the rest", text, ranks) : text;
}

double proc_bytes(std::filesystem::path const& file, std::string const& key, double otherwise) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key + ":")) {
      std::istringstream words(line.substr(key.size() + 1));
      double kilobytes = 0;
      return words >> kilobytes ? 1024 * kilobytes : otherwise;
    }
  }
  return otherwise;
}

int64_t peak_resident_memory() {
  return static_cast<int64_t>(proc_bytes("/proc/self/status", "VmHWM", 0));
}

void give_back_freed_memory() {
  malloc_trim(0);
  tensor_pages().give_back();
}

void forget_peak_resident_memory() {
  give_back_freed_memory();
  std::ofstream("/proc/self/clear_refs") << 5;
}

void log_peak_memory(Communicator const& ranks) {
  auto const most = ranks.all_reduce(peak_resident_memory(), Reduction::max);
  log_line(fmt::format("peak memory of a rank {:.3f} GiB", static_cast<double>(most) / 0x1p30));
}

MemoryRoom memory_room(int ranks_on_node, MemoryFiles const& files) {
  auto const status = files.process / "status";
  auto const total = proc_bytes(files.machine, "MemTotal", kUnbounded);
  std::vector<MemoryRoom> rooms;
  add_limit(rooms, RLIMIT_AS, "ulimit -v", proc_bytes(status, "VmSize", 0));
  add_limit(rooms, RLIMIT_DATA, "ulimit -d", proc_bytes(status, "VmData", 0));
  // A group without a limit tells of one beyond all memory.
  add_control_groups(rooms, files, total < kUnbounded ? total : 0x1p60);
  auto const limit = total + proc_bytes(files.machine, "SwapTotal", 0);
  auto const free = proc_bytes(files.machine, "MemAvailable", kUnbounded) +
                    proc_bytes(files.machine, "SwapFree", 0);
  if (limit < kUnbounded && free < kUnbounded) {
    rooms.push_back(
        {.limit = limit, .taken = limit - free, .is_shared = true, .name = "this machine"});
  }
  if (rooms.empty()) {
    return {.limit = kUnbounded, .left = kUnbounded, .name = "nothing"};
  }
  for (auto& room : rooms) {
    room.ranks = room.is_shared ? ranks_on_node : 1;
    room.left = std::max(0.0, room.limit - room.taken) / room.ranks;
  }
  return *std::ranges::min_element(rooms, {}, &MemoryRoom::left);
}

}  // namespace eddyline
