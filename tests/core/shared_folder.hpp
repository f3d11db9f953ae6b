#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "core/communicator.hpp"
#include "core/error.hpp"

namespace eddyline {

/// A fresh folder of one test, the same on all ranks, that vanishes when all have left it.
class SharedFolder {
 public:
  explicit SharedFolder(Communicator const& ranks) : ranks_(ranks) {
    auto name = (std::filesystem::temp_directory_path() / "eddyline_test_XXXXXX").string();
    ranks.together([&] {
      require(!ranks.is_root() || ::mkdtemp(name.data()) != nullptr, "no temporary folder ", name);
    });
    path_ = ranks.broadcast(name);
  }
  SharedFolder(SharedFolder const&) = delete;
  SharedFolder& operator=(SharedFolder const&) = delete;
  ~SharedFolder() {
    ranks_.barrier();
    if (ranks_.is_root()) {
      std::error_code ignored;
      std::filesystem::remove_all(path_, ignored);
    }
  }
  std::filesystem::path const& path() const { return path_; }
  std::filesystem::path operator/(std::string const& name) const { return path_ / name; }

 private:
  Communicator const& ranks_;
  std::filesystem::path path_;
};

}  // namespace eddyline
