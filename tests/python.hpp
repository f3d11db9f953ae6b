#pragma once

#include <array>
#include <cstdio>
#include <string>

#include "tests/places.hpp"

namespace eddyline {

/// What the Python of the checkout prints, on both streams, when it is run with these arguments.
inline std::string python(std::string const& arguments) {
  auto* pipe = ::popen((venv_python() + " -B " + arguments + " 2>&1").c_str(), "r");
  std::string text;
  std::array<char, 4096> chunk;
  while (auto const count = std::fread(chunk.data(), 1, chunk.size(), pipe)) {
    text.append(chunk.data(), count);
  }
  auto const status = ::pclose(pipe);
  return status == 0 ? text : text + "python failed\n";
}

}  // namespace eddyline
