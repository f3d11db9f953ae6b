#pragma once

#include <filesystem>
#include <string>

#include "core/communicator.hpp"

namespace eddyline {

/// A bound on the memory of this process.
struct MemoryRoom {
  double limit = 0;        ///< bytes
  double taken = 0;        ///< bytes of it
  double left = 0;         ///< bytes of it that this process can still get
  bool is_shared = false;  ///< with the other processes of the machine
  /// Of addresses (ulimit -v): what libraries, threads and shared segments reserve counts too.
  bool is_of_addresses = false;
  int ranks = 1;     ///< that share what is left
  std::string name;  ///< "ulimit -v"

  /// "ulimit -v allows 3.50 GiB, of which 2.30 GiB are taken"
  std::string describe() const;
};

/// Where the system tells of memory.
struct MemoryFiles {
  std::filesystem::path process = "/proc/self";
  std::filesystem::path machine = "/proc/meminfo";
  std::filesystem::path control_groups = "/sys/fs/cgroup";
};

/// Of `ulimit -v`, `ulimit -d`, the control groups of this process and the memory of the machine
/// (with swap), the bound that leaves least to it. What is shared is divided among `ranks_on_node`
/// processes. Infinite where the system tells nothing.
MemoryRoom memory_room(int ranks_on_node, MemoryFiles const& files = {});

/// The most memory that this process has held so far [bytes]; 0 where the system does not tell.
int64_t peak_resident_memory();
/// Gives freed memory back to the system: what came before a run does not count with it.
void give_back_freed_memory();
/// Gives freed memory back to the system and forgets the peak, so that the next one is that of what
/// comes now.
void forget_peak_resident_memory();
/// A line "peak memory of a rank 0.412 GiB": of the rank that held most. Collective.
void log_peak_memory(Communicator const& ranks);

/// A number of kB in a file of /proc as bytes; `otherwise` if it is not there.
double proc_bytes(std::filesystem::path const& file, std::string const& key, double otherwise);

}  // namespace eddyline
