#pragma once

#include <string>

#include "core/communicator.hpp"

namespace eddyline {

/// The text of `eddyline --help`: the verbs with one line each.
std::string program_help();

/// The text of `eddyline --version`: this build and the libraries it runs with.
std::string version_text();

/// Writes `text` to standard output on the root rank.
void print_once(Communicator const& world, std::string const& text);

}  // namespace eddyline
