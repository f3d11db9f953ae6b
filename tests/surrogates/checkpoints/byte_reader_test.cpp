#include "surrogates/checkpoints/byte_reader.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

TEST(ByteReader, ReadsNumbersOfBothSigns) {
  std::string const bytes("\x02\xff\x7f\x01\xff\x00\x34\x12", 8);
  ByteReader reader(bytes);
  EXPECT_EQ(reader.long_integer(), 32767);
  EXPECT_EQ(reader.long_integer(), -1);
  EXPECT_EQ(reader.long_integer(), 0);
  EXPECT_EQ(reader.number(2), 0x1234U);
  EXPECT_EQ(reader.position(), 8U);
  EXPECT_THROW(reader.byte(), Error);
}

TEST(ByteReader, EndsALineAtTheLineFeed) {
  std::string const bytes = "torch\nx";
  ByteReader reader(bytes);
  EXPECT_EQ(reader.line(), "torch");
  EXPECT_THROW(reader.line(), Error);
}

}  // namespace
}  // namespace eddyline
