#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/communicator.hpp"
#include "tests/core/temporary_folder.hpp"

namespace eddyline {

/// A fresh folder of one test, the same on all ranks, that vanishes when all have left it.
class SharedFolder {
 public:
  explicit SharedFolder(Communicator const& ranks) : ranks_(ranks) {
    ranks.together([&] {
      if (ranks.is_root()) {
        roots_.emplace();
      }
    });
    path_ = ranks.broadcast(roots_ ? roots_->path().string() : std::string());
  }
  SharedFolder(SharedFolder const&) = delete;
  SharedFolder& operator=(SharedFolder const&) = delete;
  ~SharedFolder() { ranks_.barrier(); }
  std::filesystem::path const& path() const { return path_; }
  std::filesystem::path operator/(std::string const& name) const { return path_ / name; }

 private:
  Communicator const& ranks_;
  std::optional<TemporaryFolder> roots_;
  std::filesystem::path path_;
};

}  // namespace eddyline
