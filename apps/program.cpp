#include "apps/program.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>

#include <mpi.h>

#include "apps/usage.hpp"
#include "apps/verbs.hpp"
#include "core/device.hpp"
#include "core/ending.hpp"
#include "core/log.hpp"
#include "data/hdf5/library.hpp"

namespace eddyline {
namespace {

/// Ends all ranks at once, without what MPI and other libraries do at their end.
[[noreturn]] void leave_with_all(int code, Communicator const& world) {
  detach_log_file();
  std::fflush(nullptr);
  if (world.size() > 1) {
    MPI_Abort(MPI_COMM_WORLD, code);
  }
  leave(code);
}

/// The error that all ranks say as one, once all are here with an error; none if some are not.
std::optional<Ending> common_ending(Ending const& own, Communicator const& world) {
  auto const patience = std::chrono::seconds(own.spread == Spread::all_ranks ? 5 : 2);
  if (world.size() > 1 && !world.all_arrive(patience)) {
    return std::nullopt;
  }
  try {
    world.together([&] { throw_again(own); });
  } catch (...) {
    return ending_of(std::current_exception());
  }
  return std::nullopt;
}

/// Says what went wrong: once if all ranks failed, else with the number of this one, and ends the
/// others.
int report(Ending const& own, Communicator const& world) {
  set_status_line("");
  auto const ending = common_ending(own, world);
  if (!ending) {
    write_log_file(LogLevel::error, concat(own.text, "\n  on rank ", world.rank()));
    std::fprintf(stderr,
                 "error: %s\n  on rank %d of %d; the other ranks are ended\n",
                 own.text.c_str(),
                 world.rank(),
                 world.size());
    leave_with_all(static_cast<int>(own.code), world);
  }
  if (world.is_root()) {
    write_log_file(LogLevel::error, ending->text);
    std::fprintf(stderr, "error: %s\n", ending->text.c_str());
  }
  auto const code = static_cast<int>(ending->code);
  if (world.all_reduce(static_cast<int64_t>(is_hdf5_damaged()), Reduction::max) > 0) {
    leave_with_all(code, world);
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
