// Damaged copies of good files, and a bound on the memory that reading them may take.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "core/random.hpp"

namespace eddyline {

/// Copy `trial` of the bytes: cut off in one of eight trials, else one to four bits flipped, in
/// half of the trials among the first `head` bytes, where sizes stand. The same for the same trial.
inline std::string damaged(std::string bytes, uint64_t trial, size_t head = 1024) {
  auto const words = philox({.seed = 17, .step = trial}, 0, 0);
  if (words[0] % 8 == 0) {
    bytes.resize(words[1] % bytes.size());
    return bytes;
  }
  auto const range = words[0] % 16 < 8 ? std::min(head, bytes.size()) : bytes.size();
  for (uint64_t flip = 0; flip <= words[2] % 4; ++flip) {
    auto const place = philox({.seed = 18, .step = trial}, flip, 0);
    bytes[place[0] % range] ^= static_cast<char>(1U << place[1] % 8);
  }
  return bytes;
}

inline std::string bytes_of_file(std::string const& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void put_bytes(std::string const& path, std::string const& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// While it lives, the process gets at most so many bytes of address space more than it has:
/// an allocation of a size that a file made up throws std::bad_alloc or c10::Error, no Error.
class MemoryLimit {
 public:
  explicit MemoryLimit(uint64_t more) {
    std::ifstream statm("/proc/self/statm");
    uint64_t pages = 0;
    statm >> pages;
    getrlimit(RLIMIT_AS, &before_);
    auto const now = pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    rlimit const limit{now + more, before_.rlim_max};
    if (pages == 0 || setrlimit(RLIMIT_AS, &limit) != 0) {
      throw std::runtime_error("the address space cannot be limited");
    }
  }
  ~MemoryLimit() { setrlimit(RLIMIT_AS, &before_); }
  MemoryLimit(MemoryLimit const&) = delete;
  MemoryLimit& operator=(MemoryLimit const&) = delete;

 private:
  rlimit before_{};
};

/// While it lives, a test that takes longer than so many seconds is ended by SIGALRM: it hangs.
class TimeLimit {
 public:
  explicit TimeLimit(unsigned seconds) { alarm(seconds); }
  ~TimeLimit() { alarm(0); }
  TimeLimit(TimeLimit const&) = delete;
  TimeLimit& operator=(TimeLimit const&) = delete;
};

}  // namespace eddyline
