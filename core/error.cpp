#include "core/error.hpp"

#include <filesystem>

namespace eddyline {

Exception::Exception(std::string message) : message_(std::move(message)), text_(message_) {}

void Exception::add_context(std::string const& line) {
  text_ += "\n  " + line;
}

void throw_bug(char const* file, int line, std::string const& message) {
  auto const name = std::filesystem::path(file).filename().string();
  throw Bug(concat(message, " (", name, ":", line, ")"));
}

}  // namespace eddyline
