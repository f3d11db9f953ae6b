#pragma once

#include <exception>
#include <string>

#include "core/error.hpp"

namespace eddyline {

/// How a program ends after an exception: what it says and returns.
struct Ending {
  ExitCode code;
  std::string text;
  Spread spread = Spread::one_rank;
};

/// Maps what any library throws: LibTorch's and C++'s lack of memory are the machine's failure, bad
/// YAML and JSON are the user's, and what nobody foresaw is our bug.
Ending ending_of(std::exception_ptr const& error);

/// Throws it as one of ours: Error, Failure, Bug or Diverged.
[[noreturn]] void throw_again(Ending const& ending);

/// Ends the process with all that was printed, but without the destructors of libraries: LibTorch
/// alone takes its tables apart for a tenth of a second.
[[noreturn]] void leave(int code);

}  // namespace eddyline
