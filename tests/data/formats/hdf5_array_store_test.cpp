#include "data/formats/hdf5_array_store.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/array_fixture.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

TEST(Hdf5ArrayStore, CountsGroupsOfEveryFileAsPieces) {
  TemporaryFolder const folder;
  for (auto const* name : {"a.h5", "b.h5"}) {
    auto const file = Hdf5File::create(folder / name);
    add_array(file, "runs/r1/u", numbered({2}));
    add_array(file, "runs/r2/u", numbered({3}));
    add_array(file, "runs/other/v", numbered({4}));
    add_array(file, "x", numbered({5}));
  }
  auto const store = open_hdf5_store({folder / "a.h5", folder / "b.h5"}, {"/runs/r*/u", "/x"});
  ASSERT_EQ(store->pieces(), 4);
  EXPECT_EQ(store->piece_name(3), "b.h5, group 2");
  EXPECT_EQ(store->open("/runs/r*/u", 3)->shape(), std::vector<int64_t>{3});
  EXPECT_EQ(store->open("/x", 3)->shape(),
            std::vector<int64_t>{5});  // shared by the groups of a file
}

TEST(Hdf5ArrayStore, ReadsMoreFilesThanItKeepsOpen) {
  TemporaryFolder const folder;
  std::vector<std::filesystem::path> files;
  for (int i = 0; i < 40; ++i) {
    files.push_back(folder / (std::to_string(i) + ".h5"));
    add_array(Hdf5File::create(files.back()), "u", at::full({1}, i));
  }
  auto const store = open_hdf5_store(files, {"u"});
  for (int const piece : {0, 39, 5, 0}) {
    EXPECT_EQ(read_whole(*store->open("u", piece)),
              std::vector<double>{static_cast<double>(piece)});
  }
}

TEST(Hdf5ArrayStore, SaysWhichGroupsOrArraysItMisses) {
  TemporaryFolder const folder;
  add_array(Hdf5File::create(folder / "a.h5"), "g/u", numbered({2}));
  auto const group = message_of<Error>([&] { open_hdf5_store({folder / "a.h5"}, {"/seed_*/u"}); });
  EXPECT_NE(group.find("has no group that fits '/seed_*/u'"), std::string::npos) << group;
  auto const stars = message_of<Error>([&] { open_hdf5_store({folder / "a.h5"}, {"/*/*"}); });
  EXPECT_NE(stars.find("one * for a whole group's name"), std::string::npos) << stars;
  auto const array =
      message_of<Error>([&] { open_hdf5_store({folder / "a.h5"}, {"/*/v"})->open("/*/v", 0); });
  EXPECT_NE(array.find("a.h5"), std::string::npos) << array;
}

}  // namespace
}  // namespace eddyline
