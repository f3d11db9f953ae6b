#include "data/formats/npy_file.hpp"

#include "core/error.hpp"

namespace eddyline {

NpyFile::NpyFile(std::filesystem::path const& path) {
  with_context(
      [&] {
        file_.emplace(path);
        array_.emplace(file_->bytes(), concat("'", path.string(), "'"));
      },
      "reading '",
      path.string(),
      "'");
}

}  // namespace eddyline
