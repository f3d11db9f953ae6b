#pragma once

#include <filesystem>
#include <string>

#include "core/communicator.hpp"
#include "core/error.hpp"

namespace eddyline {

enum class LogLevel { debug, info, warning, error };

/// Makes only the root rank of `world` write, to standard error. Before that every process writes
/// warnings and errors.
void start_log(Communicator const& world);

/// Lines below `level` are dropped.
void set_log_level(LogLevel level);

/// From now on each line is also appended to `file`, with date and level (root rank only).
/// \throw Failure  if it cannot be opened
void attach_log_file(std::filesystem::path const& file);
/// Writes what is buffered and lets go of the file.
void detach_log_file();

void write_log(LogLevel level, std::string const& line);
/// To the attached file only: for what was said otherwise already.
void write_log_file(LogLevel level, std::string const& line);

/// To this rank's standard error though it may not be the one that writes the log: for what should
/// not wait until that hears of it.
void write_from_any_rank(LogLevel level, std::string const& line);

/// Text kept at the bottom of a terminal below the log (the progress bar); "" takes it away.
void set_status_line(std::string const& text);
/// Whether a status line can be shown: standard error is a terminal, and this rank writes the log.
bool has_status_line();

template <class... Parts>
void log_debug(Parts const&... parts) {
  write_log(LogLevel::debug, concat(parts...));
}
template <class... Parts>
void log_line(Parts const&... parts) {
  write_log(LogLevel::info, concat(parts...));
}
template <class... Parts>
void log_warning(Parts const&... parts) {
  write_log(LogLevel::warning, concat(parts...));
}

/// Logs a line only the first time that `key` is seen in this process.
void log_once(std::string const& key, std::string const& line);

}  // namespace eddyline
