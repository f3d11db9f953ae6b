#pragma once

#include <string>
#include <vector>

namespace eddyline {

/// True if a shell pattern (`*`, `?`, `[0-3]`; `*` crosses dots) fits a parameter's name or that of
/// a module which holds it: "blocks.*.mlp" fits "blocks.0.mlp.fc1.weight", as "*.fc1" does.
bool fits(std::string const& pattern, std::string const& name);

/// Names that the pattern fits, in their order.
/// \param key    of the configuration, for the message: "train.adapt.layers"
/// \throw Error  if it fits none, with the nearest names, in which `*` stands for a number
std::vector<std::string> names_that_fit(std::string const& pattern,
                                        std::vector<std::string> const& names,
                                        std::string const& key);

}  // namespace eddyline
