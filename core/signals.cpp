#include "core/signals.hpp"

#include <atomic>
#include <csignal>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

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
  std::vector<int> signals;
  for (auto const& name : names) {
    signals.push_back(signal_number(name));
  }
  std::lock_guard const lock(handlers_mutex);
  EDDYLINE_ENSURE(old_handlers.empty(), "another StopFlag lives");
  arrived_signal.store(0);
  for (auto const number : signals) {
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

void StopFlag::watch(std::filesystem::path file) {
  file_ = std::move(file);
}

bool StopFlag::raised() {
  auto const now = std::chrono::steady_clock::now();
  if (!file_.empty() && !saw_file_ && now >= next_look_) {
    next_look_ = now + std::chrono::seconds(1);
    std::error_code error;
    saw_file_ = std::filesystem::exists(file_, error);
    std::filesystem::remove(file_, error);
  }
  return saw_file_ || arrived_signal.load() != 0;
}

std::string StopFlag::cause(Communicator const& ranks) const {
  auto const signal = ranks.all_reduce(int64_t{arrived_signal.load()}, Reduction::max);
  auto const seen = ranks.all_reduce(static_cast<int64_t>(saw_file_), Reduction::max);
  for (auto const& [name, number] : known_signals()) {
    if (number == signal) {
      return name;
    }
  }
  return seen != 0 ? "the file STOP" : "";
}

}  // namespace eddyline
