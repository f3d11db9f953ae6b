#include "core/installed.hpp"

namespace eddyline {

std::optional<std::filesystem::path> installed(std::filesystem::path const& relative) {
  auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (;; folder = folder.parent_path()) {
    std::error_code missing;
    if (std::filesystem::exists(folder / relative, missing)) {
      return folder / relative;
    }
    if (folder == folder.root_path()) {
      return std::nullopt;
    }
  }
}

}  // namespace eddyline
