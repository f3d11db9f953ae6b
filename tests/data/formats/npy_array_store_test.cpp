#include "data/formats/npy_array_store.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/array_fixture.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

TEST(NpyArrayStore, PairsFilesOfSeveralNamesAndSharesSingleOnes) {
  TemporaryFolder const folder;
  for (auto const* name : {"u_0.npy", "u_1.npy", "v_0.npy", "v_1.npy", "mask.npy"}) {
    write_npy(folder / name, at::full({1}, name[0] + name[2]));
  }
  auto const store = open_npy_store(folder.path(), {"u_*.npy", "v_*.npy", "mask.npy"});
  ASSERT_EQ(store->pieces(), 2);
  EXPECT_EQ(read_whole(*store->open("v_*.npy", 1))[0], 'v' + '1');
  EXPECT_EQ(read_whole(*store->open("mask.npy", 1))[0], 'm' + 's');
}

TEST(NpyArrayStore, RefusesNamesThatMeanDifferentNumbersOfFiles) {
  TemporaryFolder const folder;
  for (auto const* name : {"u_0.npy", "u_1.npy", "v_0.npy"}) {
    write_npy(folder / name, numbered({1}));
  }
  auto const message = message_of<Error>([&] {
    open_npy_store(folder.path(), {"u_*.npy", "v_*.npy"});
  });
  EXPECT_NE(message.find("'v_*.npy' means 1 files, 'u_*.npy' 2"), std::string::npos) << message;
}

}  // namespace
}  // namespace eddyline
