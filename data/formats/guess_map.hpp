#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace eddyline {

/// One array of a file, as far as a guess needs it.
struct ArrayFacts {
  std::string data;  ///< its name in a map: "/u", "/*/data", "u_*.npy"
  std::vector<int64_t> shape;
  std::string units;
};

/// True if its name says that it holds times: "t", "/time", "t_grid", …
bool is_time(ArrayFacts const& array);

/// A map for `data.map` guessed from names and shapes, as YAML with comments on what was guessed:
/// time is the axis as long as an array called t or time (or one shorter), a short last axis holds
/// components, axes as long as arrays called x, y, lat, … are those, what is left in front is the
/// sample. \param per_file  what one file holds, "trajectories" or "frame" \throw Error  if no
/// array has two axes or more
std::string guess_map(std::vector<ArrayFacts> const& arrays, std::string const& per_file);

}  // namespace eddyline
