#include "tests/places.hpp"

#include <cstdlib>

namespace eddyline {

std::filesystem::path source_folder() {
  return EDDYLINE_SOURCE_DIR;
}

std::string source_file(std::string const& name) {
  return (source_folder() / name).string();
}

std::filesystem::path fixtures_folder() {
  auto const* const given = std::getenv("EDDYLINE_FIXTURES");
  return given != nullptr ? std::filesystem::path(given) : source_folder() / "tests/fixtures";
}

std::string venv_python() {
  return source_file(".venv/bin/python");
}

}  // namespace eddyline
