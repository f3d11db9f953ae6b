#include "data/formats/mapped_file.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

TEST(MappedFile, HoldsTheFilesBytes) {
  TemporaryFolder const folder;
  std::ofstream(folder / "a") << "abc";
  MappedFile const file(folder / "a");
  ASSERT_EQ(file.bytes().size(), 3U);
  EXPECT_EQ(file.bytes()[2], std::byte{'c'});
}

TEST(MappedFile, AnEmptyFileHasNoBytes) {
  TemporaryFolder const folder;
  std::ofstream(folder / "a").flush();
  EXPECT_TRUE(MappedFile(folder / "a").bytes().empty());
}

TEST(MappedFile, SaysThatThereIsNoFile) {
  TemporaryFolder const folder;
  EXPECT_EQ(message_of<Error>([&] { MappedFile{folder / "a"}; }), "there is no such file");
  EXPECT_EQ(message_of<Error>([&] { MappedFile{folder.path()}; }), "there is no such file");
}

}  // namespace
}  // namespace eddyline
