#include "surrogates/checkpoints/envelope.hpp"

#include <unistd.h>

#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

TEST(SealedFile, AppearsAtCommitOnly) {
  auto const path = std::filesystem::temp_directory_path() / concat("eddyline_seal_", getpid());
  {
    SealedFile const file(path);
    std::ofstream(file.temporary()) << std::string(600, 'x');
  }
  EXPECT_FALSE(std::filesystem::exists(path)) << "given up without commit";
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".tmp"));
  SealedFile file(path);
  std::ofstream(file.temporary()) << std::string(600, 'x');
  file.commit();
  EXPECT_EQ(std::filesystem::file_size(path), 600U);
  EXPECT_TRUE(has_seal(path));
  verify_seal(path);
  std::ofstream(path, std::ios::app) << "more";
  EXPECT_THROW(verify_seal(path), Error);
  std::filesystem::remove(path);
}

TEST(SealedFile, IsAFailureWhereTheFolderIsMissing) {
  SealedFile file("/nowhere/at/all.h5");
  EXPECT_THROW(file.commit(), Failure);
}

}  // namespace
}  // namespace eddyline
