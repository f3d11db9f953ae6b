#include "data/formats/npy_array.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/array_fixture.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

std::span<std::byte const> bytes_of(std::string const& text) {
  return {reinterpret_cast<std::byte const*>(text.data()), text.size()};
}

TEST(NpyArray, ReadsFromMemoryWhereverItLies) {
  auto const text = "x" + npy_bytes(numbered({2, 3}));  // not aligned for float
  NpyArray array(bytes_of(text).subspan(1), "'a'");
  EXPECT_EQ(read_whole(array), (std::vector<double>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(array.type_name(), "float32");
  EXPECT_EQ(array.describe(), "'a'");
}

TEST(NpyArray, ReadsASingleNumberOnlyWhereItIsThere) {
  auto const header = "{'descr': '<f8', 'fortran_order': False, 'shape': (), }";
  auto const whole = npy_bytes(header, std::string(8, '\0'));
  NpyArray array(bytes_of(whole), "'a'");
  EXPECT_EQ(read_whole(array), std::vector<double>{0});
  auto const cut = npy_bytes(header, "1234");
  EXPECT_EQ(message_of<Error>([&] { NpyArray(bytes_of(cut), "'a'"); }),
            "its header promises a number, but only 4 bytes follow");
}

}  // namespace
}  // namespace eddyline
