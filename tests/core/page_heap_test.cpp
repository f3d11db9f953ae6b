#include "core/page_heap.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace eddyline {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;

TEST(PageHeap, TakesTheSmallestFreePlaceThatSuffices) {
  PageHeap heap(16 * kMegabyte);
  auto* const large = heap.take(3 * kMegabyte);
  auto* const between = heap.take(1);
  auto* const small = heap.take(kMegabyte + 5);
  auto* const end = heap.take(1);
  EXPECT_TRUE(heap.free(large) && heap.free(small));
  EXPECT_EQ(heap.take(kMegabyte + 1), small);
  EXPECT_EQ(heap.take(3 * kMegabyte), large);
  EXPECT_TRUE(heap.free(between) && heap.free(end));
}

TEST(PageHeap, BeginsPlacesWithAPage) {
  PageHeap heap(kMegabyte);
  for (size_t const bytes : {1, 4095, 4097, 100000, 3000000}) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(heap.take(bytes)) % 4096, 0U) << bytes;
  }
}

TEST(PageHeap, JoinsPlacesThatAreFree) {
  PageHeap heap(8 * kMegabyte);
  std::vector<void*> places;
  for (int i = 0; i < 8; ++i) {
    places.push_back(heap.take(kMegabyte));
  }
  for (size_t const i : {3, 5, 4}) {  // with the one before, the one behind, and both
    heap.free(places[i]);
  }
  EXPECT_NE(heap.take(3 * kMegabyte), nullptr);
  EXPECT_EQ(heap.held(), 8 * kMegabyte);
}

TEST(PageHeap, GrowsByNoMoreThanAPieceBeyondWhatLivesInIt) {
  // Steps that take places of many sizes and free them in another order.
  PageHeap heap(kMegabyte);
  std::mt19937 random(7);
  size_t most = 0;
  for (int step = 0; step < 20; ++step) {
    std::vector<void*> places;
    size_t bytes = 0;
    for (size_t i = 0; i < 60; ++i) {
      auto const size = 200001 + 7919 * ((i * i) % 53);
      places.push_back(heap.take(size));
      bytes += (size + 4095) / 4096 * 4096;
    }
    most = std::max(most, bytes);
    std::shuffle(places.begin(), places.end(), random);
    for (auto* const place : places) {
      heap.free(place);
    }
  }
  EXPECT_LE(heap.held(), most + kMegabyte);
}

TEST(PageHeap, GivesBackWhatIsFreeAndKeepsTheRest) {
  PageHeap heap(kMegabyte);
  auto* const first = heap.take(2 * kMegabyte);
  auto* const second = heap.take(3 * kMegabyte);
  std::memset(second, 7, 3 * kMegabyte);
  heap.free(first);
  heap.give_back();
  EXPECT_EQ(heap.held(), 3 * kMegabyte);
  EXPECT_EQ(static_cast<char*>(second)[3 * kMegabyte - 1], 7);
  EXPECT_NE(heap.take(2 * kMegabyte), nullptr);
  EXPECT_EQ(heap.held(), 5 * kMegabyte);
}

TEST(PageHeap, KeepsNothingThatIsFreeIfSoAsked) {
  PageHeap heap(1, FreePages::given_back);
  auto* const first = heap.take(2 * kMegabyte);
  auto* const second = heap.take(kMegabyte);
  EXPECT_TRUE(heap.free(first));
  EXPECT_EQ(heap.held(), kMegabyte);
  EXPECT_TRUE(heap.free(second));
  EXPECT_EQ(heap.held(), 0U);
}

TEST(PageHeap, HasNoPlaceWhereTheSystemHasNone) {
  PageHeap heap(kMegabyte);
  EXPECT_EQ(heap.take(size_t{1} << 60), nullptr);
  EXPECT_EQ(heap.take(~size_t{0}), nullptr);
  EXPECT_EQ(heap.held(), 0U);
}

TEST(PageHeap, LeavesToOthersWhatIsTheirs) {
  PageHeap heap(kMegabyte);
  auto* const place = std::malloc(100);
  EXPECT_FALSE(heap.free(place));
  std::free(place);
  auto* const own = heap.take(100);
  EXPECT_TRUE(heap.free(own));
  EXPECT_FALSE(heap.free(own));
}

TEST(PageHeap, IsSharedByThreads) {
  PageHeap heap(kMegabyte);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&heap, &wrong, t] {
      for (size_t i = 0; i < 300; ++i) {
        auto const bytes = 1 + (i * 7919) % 30000;
        auto* const place = static_cast<unsigned char*>(heap.take(bytes));
        std::memset(place, static_cast<int>(t + 1), bytes);
        std::this_thread::yield();
        wrong[t] += place[bytes / 2] != t + 1 || place[bytes - 1] != t + 1 || !heap.free(place);
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, std::vector<int>(4));
  heap.give_back();
  EXPECT_EQ(heap.held(), 0U);
}

}  // namespace
}  // namespace eddyline
