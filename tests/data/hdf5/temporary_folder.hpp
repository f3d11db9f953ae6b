#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "core/communicator.hpp"

namespace eddyline {

/// A folder of this test alone, the same on all ranks; removed at the end.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(Communicator const& ranks) : ranks_(ranks) {
    auto const* const test = testing::UnitTest::GetInstance()->current_test_info();
    auto const name = std::string("eddyline-") + test->test_suite_name() + "-" + test->name() +
                      "-" + std::to_string(getpid());
    path_ = ranks.broadcast((std::filesystem::temp_directory_path() / name).string());
    ranks.together([&] { std::filesystem::create_directories(path_); });
  }
  ~TemporaryFolder() {
    ranks_.barrier();
    std::error_code ignored;
    if (ranks_.is_root()) {
      std::filesystem::remove_all(path_, ignored);
    }
  }
  TemporaryFolder(TemporaryFolder const&) = delete;
  TemporaryFolder& operator=(TemporaryFolder const&) = delete;

  std::filesystem::path operator/(std::string const& name) const { return path_ / name; }

 private:
  Communicator const& ranks_;
  std::filesystem::path path_;
};

}  // namespace eddyline
