#include "data/hdf5/lzf.hpp"

#include <random>

#include <gtest/gtest.h>

namespace eddyline {
namespace {

using Bytes = std::vector<uint8_t>;

TEST(Lzf, UnpacksLiteralsAndOverlappingCopies) {
  // "ab", then 5 bytes from 2 back: the copy reads what it has just written.
  Bytes const packed = {1, 'a', 'b', 3 << 5, 1};
  Bytes out(7);
  ASSERT_EQ(lzf_unpacked_bytes(packed), 7);
  ASSERT_TRUE(lzf_unpack(packed, out));
  EXPECT_EQ(out, (Bytes{'a', 'b', 'a', 'b', 'a', 'b', 'a'}));
}

TEST(Lzf, UnpacksLongMatches) {
  // One 'x', then 7 + 255 + 2 = 264 bytes from 1 back: the longest match there is.
  Bytes const packed = {0, 'x', 7 << 5, 255, 0};
  Bytes out(265);
  ASSERT_TRUE(lzf_unpack(packed, out));
  EXPECT_EQ(out, Bytes(265, 'x'));
}

TEST(Lzf, RefusesMalformedStreams) {
  Bytes out(8);
  for (auto const& packed : {Bytes{3, 'a'},             // literals end early
                             Bytes{1 << 5, 0},          // a copy before the first byte
                             Bytes{0, 'a', 1 << 5, 1},  // a copy from before the first byte
                             Bytes{0, 'a', 7 << 5},     // the length is missing
                             Bytes{0, 'a', 1 << 5}}) {  // the distance is missing
    EXPECT_FALSE(lzf_unpacked_bytes(packed).has_value());
    EXPECT_FALSE(lzf_unpack(packed, out));
  }
}

TEST(Lzf, NeverWritesPastItsOutput) {
  Bytes const packed = {0, 'x', 7 << 5, 255, 0};
  Bytes out(264);
  EXPECT_FALSE(lzf_unpack(packed, out));
}

TEST(Lzf, PacksWhatItUnpacks) {
  std::mt19937 random(5);
  for (int trial = 0; trial < 200; ++trial) {
    Bytes plain(random() % 20000);
    auto const symbols = 1 + random() % 12;
    auto const repeat = 1 + random() % 700;
    for (size_t i = 0; i < plain.size(); ++i) {
      plain[i] = i < repeat || random() % 3 == 0 ? static_cast<uint8_t>(random() % symbols)
                                                 : plain[i - repeat];
    }
    auto const packed = lzf_pack(plain);
    if (!packed) {
      continue;
    }
    EXPECT_LT(packed->size(), plain.size());
    Bytes out(plain.size());
    ASSERT_TRUE(lzf_unpack(*packed, out)) << "trial " << trial;
    ASSERT_EQ(out, plain) << "trial " << trial;
  }
}

TEST(Lzf, DoesNotPackNoise) {
  std::mt19937 random(6);
  Bytes plain(5000);
  std::generate(plain.begin(), plain.end(), [&] { return static_cast<uint8_t>(random()); });
  EXPECT_FALSE(lzf_pack(plain).has_value());
}

TEST(Lzf, SurvivesRandomStreams) {
  // Both functions must agree on what is malformed; out-of-bounds access shows under the sanitizer.
  std::mt19937 random(7);
  for (int trial = 0; trial < 20000; ++trial) {
    Bytes packed(random() % 60);
    for (auto& byte : packed) {
      byte = static_cast<uint8_t>(random() % 2 == 0 ? random() % 8 : random());
    }
    auto const bytes = lzf_unpacked_bytes(packed);
    Bytes out(static_cast<size_t>(bytes.value_or(100)));
    EXPECT_EQ(lzf_unpack(packed, out), bytes.has_value());
  }
}

}  // namespace
}  // namespace eddyline
