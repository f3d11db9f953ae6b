#pragma once

#include <string>
#include <vector>

namespace eddyline {

/// Keys whose values differ between two configurations in YAML: "train.batch: 16 instead of 8".
/// Keys below one of `free` (as "train.validate") may differ.
std::vector<std::string> config_differences(std::string const& now,
                                            std::string const& before,
                                            std::vector<std::string> const& free);

}  // namespace eddyline
