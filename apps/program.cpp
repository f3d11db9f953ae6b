#include "apps/program.hpp"

#include <csignal>
#include <cstdio>
#include <exception>

#include <mpi.h>

#include "apps/ending.hpp"
#include "apps/usage.hpp"
#include "apps/verbs.hpp"
#include "core/device.hpp"
#include "core/log.hpp"

namespace eddyline {
namespace {

/// Says what went wrong: once if all ranks know it, else with the number of this one, and ends the
/// others.
int report(Ending const& ending, Communicator const& world) {
  auto const code = static_cast<int>(ending.code);
  set_status_line("");
  if (ending.spread == Spread::one_rank && world.size() > 1) {
    write_log_file(LogLevel::error, concat(ending.text, "\n  on rank ", world.rank()));
    std::fprintf(stderr,
                 "error: %s\n  on rank %d of %d; the other ranks are ended\n",
                 ending.text.c_str(),
                 world.rank(),
                 world.size());
    std::fflush(stderr);
    MPI_Abort(MPI_COMM_WORLD, code);
  }
  if (world.is_root()) {
    write_log_file(LogLevel::error, ending.text);
    std::fprintf(stderr, "error: %s\n", ending.text.c_str());
  }
  return code;
}

int run_under_mpi(int argc, char** argv, Program const& program) {
  MpiSession const mpi(argc, argv);
  auto const world = Communicator::world();
  start_log(world);
  int code = 0;
  try {
    share_cores(world);
    code = program(std::vector<std::string>(argv + 1, argv + argc), world);
  } catch (...) {
    code = report(ending_of(std::current_exception()), world);
  }
  detach_log_file();
  return code;
}

}  // namespace

int run_guarded(int argc, char** argv, Program const& program) {
  // A file beyond the limit of `ulimit -f` or a quota is then an error of write() with a reason,
  // not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return run_under_mpi(argc, argv, program);
  } catch (...) {
    auto const ending = ending_of(std::current_exception());
    std::fprintf(stderr, "error: %s\n", ending.text.c_str());
    return static_cast<int>(ending.code);
  }
}

int run_words(std::vector<std::string> const& words, Communicator const& world) {
  auto const first = words.empty() ? std::string("--help") : words.front();
  if (first == "--help" || first == "-h" || first == "help") {
    print_once(world, program_help());
    return 0;
  }
  if (first == "--version") {
    print_once(world, version_text());
    return 0;
  }
  Verb const* verb = nullptr;
  world.together([&] { verb = &verb_named(first); });
  return verb->run({words.begin() + 1, words.end()}, world);
}

}  // namespace eddyline
