#include "data/formats/file_list.hpp"

#include <glob.h>

#include <algorithm>

#include "core/error.hpp"

namespace eddyline {

std::vector<std::filesystem::path> list_files(std::filesystem::path const& path,
                                              std::vector<std::string> const& extensions) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::is_regular_file(path, error)) {
    return {path};
  }
  std::vector<fs::path> files;
  if (fs::is_directory(path, error)) {
    for (auto const& entry : fs::directory_iterator(path, error)) {
      bool const wanted =
          std::count(extensions.begin(), extensions.end(), entry.path().extension().string()) > 0;
      if (wanted && entry.is_regular_file(error)) {
        files.push_back(entry.path());
      }
    }
    std::sort(files.begin(), files.end());
    require(!error, "cannot list folder '", path.string(), "': ", error.message());
    require(!files.empty(), "folder '", path.string(), "' has no file ending in ", extensions);
    return files;
  }
  glob_t found{};
  if (path.string().find_first_of("*?[") != std::string::npos &&
      glob(path.c_str(), 0, nullptr, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; ++i) {
      files.emplace_back(found.gl_pathv[i]);
    }
  }
  globfree(&found);
  require(!files.empty(), "there is no file or folder '", path.string(), "'");
  return files;
}

}  // namespace eddyline
