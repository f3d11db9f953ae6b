#include "data/formats/array_format.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/array_fixture.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

TEST(ArrayFormat, IsFoundByTheRegistryAfterAllOthers) {
  TemporaryFolder const folder;
  add_array(Hdf5File::create(folder / "a.h5"), "u", numbered({2, 3}));
  write_npy(folder / "a.npy", numbered({2, 3}));
  std::ofstream(folder / "text.h5") << "not HDF5";
  EXPECT_EQ(format_entry("auto", folder / "a.h5").name, "hdf5");
  EXPECT_EQ(format_entry("auto", folder / "a.npy").name, "npy");
  EXPECT_FALSE(recognises_hdf5_arrays(folder / "text.h5"));
  EXPECT_FALSE(recognises_hdf5_arrays(folder / "missing.h5"));
}

TEST(ArrayFormat, TakesSingleComponentsByTheirNames) {
  TemporaryFolder const folder;
  add_array(Hdf5File::create(folder / "a.h5"), "c", numbered({2, 3, 2}));
  auto const map = "axes: [time, x, component]\nfields: [{name: c, data: c, components: [a, b]}]";
  auto const reader = open_hdf5_arrays({.path = folder / "a.h5", .fields = {"c_b"}, .map = map});
  EXPECT_EQ(reader->spec().fields.channel_names(), std::vector<std::string>{"c_b"});
  EXPECT_TRUE(
      at::equal(read_trajectory(*reader, 0).flatten(), numbered({2, 3, 2}).select(2, 1).flatten()));
  auto const both = open_hdf5_arrays({.path = folder / "a.h5", .map = map});
  EXPECT_EQ(both->spec().fields.channel_names(), (std::vector<std::string>{"c_a", "c_b"}));
}

}  // namespace
}  // namespace eddyline
