#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/formats/reader.hpp"

namespace eddyline {

/// What to open.
struct OpenRequest {
  std::filesystem::path path;  ///< a file, or a folder as the format has it
  /// "train", "valid", "test" or "all". A path without parts of its own (own_splits() is empty) has
  /// "all" only: who wants to split it splits trajectories or frames of "all".
  std::string split = "all";
  std::vector<std::string>
      fields;       ///< fields to read, in this order; empty: all in the file's order
  std::string map;  ///< YAML text that says what is what, for formats of plain arrays
};

/// One line of the table: all that other code knows of a format.
struct FormatEntry {
  std::string name;
  std::string summary;
  /// True if `path` looks like it (never throws, reads little).
  bool (*recognises)(std::filesystem::path const& path);
  /// \throw Error  naming file, data set and what was expected
  std::unique_ptr<Reader> (*open)(OpenRequest const& request);
  /// The splits that the data set itself (or the request's map) has: {"train", "test"}, in the
  /// order train, valid, test; empty if none.
  std::vector<std::string> (*own_splits)(OpenRequest const& request);
  bool takes_map = false;
};

/// In the order that "auto" asks them.
std::vector<FormatEntry> const& format_registry();
/// The entry named `format`, or for "auto" the first that recognises the path.
/// \throw Error  naming the known formats, or what the path is if none recognises it
FormatEntry const& format_entry(std::string const& format, std::filesystem::path const& path);
/// Opens by name or "auto". \throw Error  with the line "while opening '…'", also where a map is
/// given to a format that takes none
std::unique_ptr<Reader> open_reader(std::string const& format, OpenRequest const& request);

/// For formats without splits of their own.
inline std::vector<std::string> no_splits(OpenRequest const& /*request*/) {
  return {};
}

/// What a file or folder holds, in words, for a terminal: fields, units, grid, boundaries, times,
/// trajectories, sizes, statistics found, remarks, and the `data:` section that trains on it.
/// \throw Error  if no format recognises it
std::string describe(std::filesystem::path const& path);

}  // namespace eddyline
