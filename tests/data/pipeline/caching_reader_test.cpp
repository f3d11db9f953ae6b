#include "data/pipeline/caching_reader.hpp"

#include <gtest/gtest.h>

#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

constexpr Box kWhole = {.first = {0, 0, 0}, .size = {1, 8, 6}};
constexpr int64_t kFrameBytes = 3 * 8 * 6 * 4;

at::Tensor read(Reader& reader, FrameRange const& frames, Box const& box = kWhole) {
  auto out = at::empty({frames.count, 3, box.size[0], box.size[1], box.size[2]});
  reader.read(frames, box, out);
  return out;
}

TEST(CachingReader, ReadsEachFrameOnce) {
  auto memory = coded_reader({10});
  auto const& inner = *memory;
  CachingReader reader(std::move(memory), int64_t{1} << 20);
  read(reader, {0, 2, 3, 1});                      // 2, 3, 4
  auto const values = read(reader, {0, 1, 5, 1});  // 1 … 5: 1 and 5 are new
  EXPECT_EQ(inner.frames_read(), 5);
  EXPECT_TRUE(values.equal(coded_series(0, 10).narrow(0, 1, 5)));
}

TEST(CachingReader, FindsFramesReadWithAnotherStride) {
  auto memory = coded_reader({10});
  auto const& inner = *memory;
  CachingReader reader(std::move(memory), int64_t{1} << 20);
  read(reader, {0, 0, 10, 1});
  auto const values = read(reader, {0, 1, 3, 4});
  EXPECT_EQ(inner.frames_read(), 10);
  EXPECT_TRUE(values.equal(coded_series(0, 10).slice(0, 1, 10, 4)));
}

TEST(CachingReader, KeepsNoMoreThanItsBudget) {
  CachingReader reader(coded_reader({10}), 4 * kFrameBytes + 1);
  read(reader, {0, 0, 10, 1});
  EXPECT_EQ(reader.bytes_kept(), 4 * kFrameBytes);
  EXPECT_TRUE(read(reader, {0, 0, 10, 1}).equal(coded_series(0, 10)));
}

TEST(CachingReader, AnotherBoxIsReadAnew) {
  CachingReader reader(coded_reader({4}), int64_t{1} << 20);
  read(reader, {0, 0, 4, 1});
  Box const part = {.first = {0, 2, 1}, .size = {1, 3, 2}};
  EXPECT_TRUE(
      read(reader, {0, 0, 4, 1}, part).equal(coded_series(0, 4).narrow(3, 2, 3).narrow(4, 1, 2)));
}

}  // namespace
}  // namespace eddyline
