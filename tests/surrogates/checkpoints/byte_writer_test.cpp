#include "surrogates/checkpoints/byte_writer.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/core/temporary_folder.hpp"
#include "tests/damage.hpp"

namespace eddyline {
namespace {

TEST(ByteWriter, WritesTheLowestByteFirst) {
  EXPECT_EQ(little_endian(0x0102, 4), std::string("\x02\x01\0\0", 4));
}

TEST(ByteWriter, ShowsTheFileWhenItIsWhole) {
  TemporaryFolder const folder;
  auto const path = folder.path() / "a";
  {
    ByteWriter out(path);
    out.write("abc");
    EXPECT_EQ(out.position(), 3U);
  }
  EXPECT_FALSE(std::filesystem::exists(path)) << "not committed";
  ByteWriter out(path);
  out.write("abc");
  out.commit();
  EXPECT_EQ(bytes_of_file(path), "abc");
  EXPECT_THROW(ByteWriter(folder.path() / "none/a"), Failure);
}

}  // namespace
}  // namespace eddyline
