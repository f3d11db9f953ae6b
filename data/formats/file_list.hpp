#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace eddyline {

/// The files that a path means, sorted by name: itself; those of a folder (not its subfolders) with
/// one of `extensions` (".nc"); or the matches of a pattern with *, ? or […]. \throw Error  if
/// there are none; names the path
std::vector<std::filesystem::path> list_files(std::filesystem::path const& path,
                                              std::vector<std::string> const& extensions);

}  // namespace eddyline
