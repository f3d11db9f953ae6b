#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/communicator.hpp"

namespace eddyline {

/// What a program does once MPI runs: from the words after its name to its exit code.
using Program =
    std::function<int(std::vector<std::string> const& words, Communicator const& world)>;

/// Starts MPI and the log, runs `program`, and turns whatever it throws into one message and an
/// exit code. An error of some ranks only ends all of them within seconds, so that none waits for
/// ever; mpirun then returns the same code. What all ranks throw is said once.
int run_guarded(int argc, char** argv, Program const& program);

/// `eddyline VERB …`: the program itself.
int run_words(std::vector<std::string> const& words, Communicator const& world);

}  // namespace eddyline
