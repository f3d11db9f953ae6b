#pragma once

#include <filesystem>
#include <optional>

namespace eddyline {

/// A file or folder that comes with the program, below the nearest folder above it that has one:
/// the prefix it was installed to, or its build folder. \param relative  "share/eddyline/reporting"
std::optional<std::filesystem::path> installed(std::filesystem::path const& relative);

}  // namespace eddyline
