#pragma once

#include <cstdint>
#include <string>

namespace eddyline {

// Questions to the operating system that `doctor` asks.

std::string host_name();
/// Bytes that this process may still use: of the machine or of its container, the smaller.
int64_t available_memory();
/// Cores' worth of time that a container may use; 0: no limit.
double cpu_quota();
/// Whether PATH holds the program.
bool program_exists(std::string const& name);
/// What a command prints, both streams; "" if it does not run.
std::string output_of(std::string const& command);
std::string first_line(std::string const& text);
/// The first "1.2.3" in a text, or "".
std::string first_version(std::string const& text);

}  // namespace eddyline
