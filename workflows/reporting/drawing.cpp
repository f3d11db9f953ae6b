#include "workflows/reporting/drawing.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/error.hpp"
#include "core/installed.hpp"

namespace eddyline {
namespace {

constexpr size_t kLongestOutput = 65536;  // bytes that are kept
constexpr int kNotFound = 127;            // exit status where a program cannot be started

struct ProgramEnd {
  int status;        ///< exit status, 128 + signal, or kNotFound
  std::string text;  ///< both streams
};

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> chunk{};
  for (;;) {
    auto const count = ::read(descriptor, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return text;
    }
    auto const room = kLongestOutput - std::min(kLongestOutput, text.size());
    text.append(chunk.data(), std::min(room, static_cast<size_t>(count)));
  }
}

/// Runs a program found on PATH, without a shell.
ProgramEnd run_program(std::vector<std::string> words) {
  std::array<int, 2> ends{};
  expect_machine(::pipe(ends.data()) == 0, "no pipe for '", words[0], "': ", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  std::vector<char*> pointers;
  for (auto& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  pid_t child = 0;
  auto const failed =
      ::posix_spawnp(&child, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  auto const text = failed == 0 ? read_all(ends[0]) : std::string();
  ::close(ends[0]);
  int status = 0;
  if (failed != 0 || ::waitpid(child, &status, 0) != child) {
    return {kNotFound, text};
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text};
}

std::string python_of(std::filesystem::path const& scripts) {
  auto const checkout = std::filesystem::canonical(scripts).parent_path().parent_path();
  auto const own = checkout / ".venv" / "bin" / "python";
  std::error_code missing;
  return std::filesystem::exists(own, missing) ? own.string() : "python3";
}

}  // namespace

std::filesystem::path drawing_scripts() {
  auto const script = installed("share/eddyline/reporting/report.py");
  require(script.has_value(),
          "the scripts that draw are not in share/eddyline/reporting beside this program; "
          "install it with 'cmake --install', or run the one of the build folder");
  return script->parent_path();
}

std::string draw(std::string const& script,
                 std::vector<std::string> const& arguments,
                 std::string const& python) {
  auto const scripts = drawing_scripts();
  auto const program = python.empty() ? python_of(scripts) : python;
  std::vector<std::string> words = {program, "-B", (scripts / script).string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto end = run_program(words);
  while (!end.text.empty() && end.text.back() == '\n') {
    end.text.pop_back();
  }
  require(end.status != kNotFound,
          "there is no '",
          program,
          "' to draw with; install Python 3 with numpy, h5py and matplotlib, or name one with "
          "python=…/bin/python");
  require(end.status != 2, end.text);
  expect_machine(
      end.status == 0, "'", program, "' could not draw (exit code ", end.status, "): ", end.text);
  return end.text;
}

}  // namespace eddyline
