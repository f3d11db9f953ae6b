#pragma once

#include <exception>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddyline {

/// What a process of Eddyline returns to the shell.
enum class ExitCode : int {
  done = 0,      ///< all is well
  failed = 1,    ///< the machine failed us: disk full, a rank died
  user = 2,      ///< the user can fix it: configuration, data, arguments
  bug = 3,       ///< only we can fix it
  diverged = 4,  ///< the solution is not finite any more; the last good state was saved
  stopped = 75,  ///< stopped by a signal after saving; run again with --resume
};

/// Which ranks threw an error: one may be alone with it, and others wait for it.
enum class Spread { one_rank, all_ranks };

/// Joins its arguments with operator<<; vectors print as "1, 2, 3".
template <class T>
std::ostream& print_part(std::ostream& out, std::vector<T> const& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    out << (i ? ", " : "") << values[i];
  }
  return out;
}
template <class T>
std::ostream& print_part(std::ostream& out, T const& value) {
  return out << value;
}
template <class... Parts>
std::string concat(Parts const&... parts) {
  std::ostringstream out;
  (print_part(out, parts), ...);
  return out.str();
}

/// Base of what Eddyline throws: a message and the "while …" lines added on its way up.
class Exception : public std::exception {
 public:
  explicit Exception(std::string message);

  /// The whole text: message, then one indented line for each context.
  char const* what() const noexcept override { return text_.c_str(); }
  std::string const& message() const { return message_; }
  void add_context(std::string const& line);
  virtual ExitCode code() const noexcept = 0;
  /// all_ranks after Communicator::together.
  Spread spread() const { return spread_; }
  void set_spread(Spread spread) { spread_ = spread; }

 private:
  std::string message_;
  std::string text_;
  Spread spread_ = Spread::one_rank;
};

/// The user can fix it.
class Error final : public Exception {
 public:
  using Exception::Exception;
  ExitCode code() const noexcept override { return ExitCode::user; }
};

/// The machine failed: a full disk, a lost file system.
class Failure final : public Exception {
 public:
  using Exception::Exception;
  ExitCode code() const noexcept override { return ExitCode::failed; }
};

/// Only we can fix it; the message carries file and line.
class Bug final : public Exception {
 public:
  using Exception::Exception;
  ExitCode code() const noexcept override { return ExitCode::bug; }
};

/// The solution holds NaN or Inf.
class Diverged final : public Exception {
 public:
  using Exception::Exception;
  ExitCode code() const noexcept override { return ExitCode::diverged; }
};

/// Throws Error with the joined parts unless `condition` holds. The parts are always evaluated.
template <class... Parts>
void require(bool condition, Parts const&... parts) {
  if (!condition) {
    throw Error(concat(parts...));
  }
}

/// Throws Failure with the joined parts unless `condition` holds.
template <class... Parts>
void expect_machine(bool condition, Parts const&... parts) {
  if (!condition) {
    throw Failure(concat(parts...));
  }
}

[[noreturn]] void throw_bug(char const* file, int line, std::string const& message);

/// Runs `action`; an Exception that leaves it gets the line "while <parts>".
template <class Action, class... Parts>
std::invoke_result_t<Action> with_context(Action&& action, Parts const&... parts) {
  try {
    return std::forward<Action>(action)();
  } catch (Exception& error) {
    error.add_context(concat("while ", parts...));
    throw;
  }
}

}  // namespace eddyline

/// Throws Bug with file and line unless `condition` holds.
#define EDDYLINE_ENSURE(condition, ...)                                                           \
  do {                                                                                            \
    if (!(condition)) {                                                                           \
      ::eddyline::throw_bug(__FILE__,                                                             \
                            __LINE__,                                                             \
                            ::eddyline::concat("'" #condition "' does not hold; ", __VA_ARGS__)); \
    }                                                                                             \
  } while (false)
