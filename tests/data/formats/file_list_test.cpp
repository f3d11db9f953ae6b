#include "data/formats/file_list.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

std::vector<std::string> names(std::vector<std::filesystem::path> const& files) {
  std::vector<std::string> names;
  for (auto const& file : files) {
    names.push_back(file.filename().string());
  }
  return names;
}

TEST(ListFiles, FindsFilesOfAFolderAndOfAPatternInOrderOfName) {
  TemporaryFolder const folder;
  for (auto const* name : {"b.nc", "a.nc", "c.txt", "a2.nc"}) {
    std::ofstream(folder / name) << "x";
  }
  EXPECT_EQ(names(list_files(folder.path(), {".nc"})),
            (std::vector<std::string>{"a.nc", "a2.nc", "b.nc"}));
  EXPECT_EQ(names(list_files(folder / "a*.nc", {})), (std::vector<std::string>{"a.nc", "a2.nc"}));
  EXPECT_EQ(names(list_files(folder / "c.txt", {".nc"})), (std::vector<std::string>{"c.txt"}));
}

TEST(ListFiles, SaysWhatIsNotThere) {
  TemporaryFolder const folder;
  auto const empty = message_of<Error>([&] { list_files(folder.path(), {".nc", ".nc4"}); });
  EXPECT_NE(empty.find("has no file ending in .nc, .nc4"), std::string::npos) << empty;
  auto const missing = message_of<Error>([&] { list_files(folder / "u_*.nc", {}); });
  EXPECT_NE(missing.find("u_*.nc'"), std::string::npos) << missing;
}

}  // namespace
}  // namespace eddyline
