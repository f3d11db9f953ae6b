// Where tests find the files of the checkout. A compiled-in path in one place only: the other
// tests' objects are then the same in every checkout, and the compiler's cache serves them.
#pragma once

#include <filesystem>
#include <string>

namespace eddyline {

/// The checkout's root.
std::filesystem::path source_folder();

/// The path of a file of the checkout, e.g. "tests/fixtures/morph/a.pt", as text.
std::string source_file(std::string const& name);

/// $EDDYLINE_FIXTURES, or else the checkout's tests/fixtures; read anew at each call.
std::filesystem::path fixtures_folder();

/// The Python of the checkout's virtual environment.
std::string venv_python();

}  // namespace eddyline
