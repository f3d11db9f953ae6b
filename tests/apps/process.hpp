// The built program, started as a user starts it: its own process, no environment variables of
// ours.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/error.hpp"

namespace eddyline {

struct Outcome {
  int code;
  std::string text;
};

/// Runs a shell command with both streams caught. The variables by which this test's own MPI speaks
/// to its children are taken away, as well as what helps MPI to run as root. Threads that have
/// nothing to do sleep: they would spin on the cores of the tests beside this one.
inline Outcome outcome_of(std::string const& command) {
  std::string const clean =
      "for name in $(env | sed -n "
      "'s/^\\(OMPI_[A-Za-z0-9_]*\\|PMIX_[A-Za-z0-9_]*\\|PRTE_[A-Za-z0-9_]*\\|OMP_NUM_THREADS\\)=.*/"
      "\\1/p'); "
      "do unset $name; done; export OMP_WAIT_POLICY=passive; ";
  Outcome outcome{-1, ""};
  auto* pipe = ::popen((clean + "{ " + command + " ; } 2>&1").c_str(), "r");
  std::array<char, 4096> chunk;
  while (auto const count = std::fread(chunk.data(), 1, chunk.size(), pipe)) {
    outcome.text.append(chunk.data(), count);
  }
  auto const status = ::pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

inline std::string const kProgram = EDDYLINE_PROGRAM;

inline std::string mpirun(int ranks) {
  return concat("env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ",
                EDDYLINE_MPIRUN,
                " -np ",
                ranks,
                " --bind-to none --oversubscribe --mca mpi_yield_when_idle 1 ");
}

/// A folder of its own for one test.
class Scratch {
 public:
  Scratch()
      : path_(std::filesystem::temp_directory_path() / concat("eddyline_program_", getpid())) {
    std::filesystem::create_directories(path_);
  }
  Scratch(Scratch const&) = delete;
  Scratch& operator=(Scratch const&) = delete;
  ~Scratch() { std::filesystem::remove_all(path_); }
  std::string operator/(std::string const& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace eddyline
