#pragma once

#include <string>
#include <vector>

namespace eddyline {

/// Number of single-letter edits between two words (Levenshtein).
int edit_distance(std::string const& a, std::string const& b);

/// The end of a message about an unknown name: "; did you mean 'x'? known: x, y".
std::string did_you_mean(std::string const& name, std::vector<std::string> const& known);

}  // namespace eddyline
