#include "core/signals.hpp"

#include <atomic>
#include <csignal>
#include <map>
#include <mutex>

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace eddyline {
namespace {

// A handler can reach nothing but a global.
std::atomic<int> arrived_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free,
              "a signal handler may touch lock-free atomics only");

std::mutex handlers_mutex;
std::map<int, struct sigaction> old_handlers;

void note(int signal) {
  arrived_signal.store(signal);
}

std::vector<std::pair<std::string, int>> const& known_signals() {
  static std::vector<std::pair<std::string, int>> const known = {{"SIGTERM", SIGTERM},
                                                                 {"SIGUSR1", SIGUSR1},
                                                                 {"SIGUSR2", SIGUSR2},
                                                                 {"SIGINT", SIGINT},
                                                                 {"SIGHUP", SIGHUP},
                                                                 {"SIGXCPU", SIGXCPU}};
  return known;
}

int signal_number(std::string const& name) {
  auto const full = name.starts_with("SIG") ? name : "SIG" + name;
  std::vector<std::string> names;
  for (auto const& [known, number] : known_signals()) {
    if (known == full) {
      return number;
    }
    names.push_back(known);
  }
  throw Error(concat("signal '", name, "' cannot stop a run", did_you_mean(full, names)));
}

}  // namespace

StopFlag::StopFlag(std::vector<std::string> const& names) {
  for (auto const& name : names) {
    signals_.push_back(signal_number(name));
  }
  std::lock_guard const lock(handlers_mutex);
  EDDYLINE_ENSURE(old_handlers.empty(), "another StopFlag lives");
  arrived_signal.store(0);
  for (auto const number : signals_) {
    struct sigaction action {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    sigaction(number, &action, &old_handlers[number]);
  }
}

StopFlag::~StopFlag() {
  std::lock_guard const lock(handlers_mutex);
  for (auto const& [number, action] : old_handlers) {
    sigaction(number, &action, nullptr);
  }
  old_handlers.clear();
  arrived_signal.store(0);
}

bool StopFlag::raised() const {
  return stop_requested();
}

bool StopFlag::raised_anywhere(Communicator const& ranks) const {
  return ranks.all_reduce(static_cast<int64_t>(raised()), Reduction::max) != 0;
}

std::string StopFlag::signal_name() const {
  for (auto const& [name, number] : known_signals()) {
    if (number == arrived_signal.load()) {
      return name;
    }
  }
  return "";
}

bool stop_requested() {
  return arrived_signal.load() != 0;
}

}  // namespace eddyline
