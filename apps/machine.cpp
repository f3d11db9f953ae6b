#include "apps/machine.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <regex>
#include <sstream>

namespace eddyline {
namespace {

/// A number in a file of the kernel; "max" and missing files are no limit.
int64_t number_in(std::string const& file) {
  std::ifstream in(file);
  int64_t value = 0;
  return in >> value ? value : std::numeric_limits<int64_t>::max();
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

int64_t available_memory() {
  auto machine = std::numeric_limits<int64_t>::max();
  std::ifstream in("/proc/meminfo");
  for (std::string key; in >> key;) {
    if (key == "MemAvailable:") {
      in >> machine;
      machine *= 1024;
      break;
    }
  }
  auto const limit = number_in("/sys/fs/cgroup/memory.max");
  auto const used = number_in("/sys/fs/cgroup/memory.current");
  return limit == std::numeric_limits<int64_t>::max()
             ? machine
             : std::min(machine, std::max<int64_t>(0, limit - used));
}

double cpu_quota() {
  std::ifstream in("/sys/fs/cgroup/cpu.max");
  double quota = 0;
  double period = 0;
  return in >> quota >> period && period > 0 ? quota / period : 0;
}

bool program_exists(std::string const& name) {
  auto const* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((std::filesystem::path(folder) / name).c_str(), X_OK) == 0) {
      return true;
    }
  }
  return false;
}

/// A program that speaks MPI itself, as pvbatch does, would take this rank's place in its job, and
/// hang it.
std::string const kWithoutRank =
    R"(unset $(env | sed -n 's/^\(\(OMPI\|PMIX\|PMI\|PRTE\|ORTE\)_[A-Za-z0-9_]*\)=.*/\1/p') nothing; )";

std::string output_of(std::string const& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> const pipe(
      ::popen((kWithoutRank + "{ " + command + "; } 2>&1").c_str(), "r"), ::pclose);
  std::string text;
  std::array<char, 4096> chunk;
  while (pipe && text.size() < 65536) {
    auto const count = std::fread(chunk.data(), 1, chunk.size(), pipe.get());
    if (count == 0) {
      break;
    }
    text.append(chunk.data(), count);
  }
  return text;
}

std::string first_line(std::string const& text) {
  return text.substr(0, text.find('\n'));
}

std::string first_version(std::string const& text) {
  std::smatch match;
  return std::regex_search(text, match, std::regex(R"(\d+\.\d+\.\d+)")) ? match.str() : "";
}

}  // namespace eddyline
