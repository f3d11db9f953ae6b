#include "data/pipeline/caching_reader.hpp"

#include <gmock/gmock.h>
#include <malloc.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/damage.hpp"
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

/// 400 frames of 48 kB: 19 MB, read by 40.
constexpr int64_t kManyFrames = 400;
constexpr Box kLarger = {.first = {0, 0, 0}, .size = {1, 64, 64}};

void read_many(Reader& reader, at::Tensor const& out) {
  for (int64_t first = 0; first < kManyFrames; first += out.size(0)) {
    reader.read({0, first, out.size(0), 1}, kLarger, out);
  }
}

TEST(CachingReader, KeepsItsFramesApartFromWhatComesAndGoes) {
  CachingReader reader(coded_reader({kManyFrames}, 64, 64), int64_t{1} << 30);
  auto const out = at::empty({40, 3, 1, 64, 64});
  auto const taken = [] { return mallinfo2().uordblks + mallinfo2().hblkhd; };
  auto const before = taken();
  read_many(reader, out);
  EXPECT_EQ(reader.bytes_kept(), kManyFrames * 3 * 64 * 64 * 4);
  EXPECT_LT(taken() - before, size_t{1} << 20);  // tables of where they are
}

TEST(CachingReader, SaysThatThereIsNoMemoryForItsFrames) {
  CachingReader reader(coded_reader({kManyFrames}, 64, 64), int64_t{1} << 30);
  auto const out = at::empty({40, 3, 1, 64, 64});
  MemoryLimit const limit(uint64_t{8} << 20);
  EXPECT_THAT([&] { read_many(reader, out); },
              testing::ThrowsMessage<Failure>(
                  testing::HasSubstr("bytes of frames that are kept; give data.cache fewer MiB")));
}

}  // namespace
}  // namespace eddyline
