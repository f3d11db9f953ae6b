#include "core/page_heap.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <new>

namespace eddyline {
namespace {

size_t page_bytes() {
  static auto const bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

size_t whole_pages(size_t bytes) {
  return (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
}

void* pages_of_system(size_t bytes) {
  auto* const pages =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

}  // namespace

PageHeap::PageHeap(size_t piece, FreePages free_pages)
    : piece_(whole_pages(piece)), free_pages_(free_pages) {}

PageHeap::~PageHeap() {
  give_back();
}

void* PageHeap::take(size_t bytes) noexcept try {
  if (bytes == 0 || bytes > PTRDIFF_MAX) {
    return nullptr;
  }
  auto const size = whole_pages(bytes);
  std::lock_guard const lock(mutex_);
  auto best = free_by_size_.lower_bound({size, 0});
  if (best == free_by_size_.end()) {
    if (!grow(size)) {
      return nullptr;
    }
    best = free_by_size_.lower_bound({size, 0});
  }
  auto const [room, begin] = *best;
  remove_free(begin, room);
  // From its end: the system puts the next piece before the last one, where the rest joins it.
  auto const place = begin + (room - size);
  if (room > size) {
    add_free(begin, room - size);
  }
  taken_[place] = size;
  return reinterpret_cast<void*>(place);
} catch (std::bad_alloc const&) {
  return nullptr;
}

bool PageHeap::free(void* place) noexcept {
  auto const begin = reinterpret_cast<Address>(place);
  if (begin % page_bytes() != 0) {
    return false;
  }
  std::lock_guard const lock(mutex_);
  auto const found = taken_.find(begin);
  if (found == taken_.end()) {
    return false;
  }
  auto const size = found->second;
  taken_.erase(found);
  add_free(begin, size);
  if (free_pages_ == FreePages::given_back) {
    give_back_free();
  }
  return true;
}

void PageHeap::give_back() noexcept {
  std::lock_guard const lock(mutex_);
  give_back_free();
}

void PageHeap::give_back_free() noexcept {
  for (auto at = free_.begin(); at != free_.end();) {
    auto const [begin, size] = *at++;
    if (munmap(reinterpret_cast<void*>(begin), size) == 0) {
      held_ -= size;
      remove_free(begin, size);
    }
  }
}

size_t PageHeap::held() const {
  std::lock_guard const lock(mutex_);
  return held_;
}

bool PageHeap::grow(size_t bytes) {
  auto size = std::max(bytes, piece_);
  auto* pages = pages_of_system(size);
  if (pages == nullptr) {
    size = bytes;
    pages = pages_of_system(size);
  }
  if (pages == nullptr) {
    return false;
  }
  held_ += size;
  add_free(reinterpret_cast<Address>(pages), size);
  return true;
}

void PageHeap::add_free(Address begin, size_t bytes) {
  auto const next = free_.lower_bound(begin);
  if (next != free_.end() && begin + bytes == next->first) {
    bytes += next->second;
    remove_free(next->first, next->second);
  }
  auto const after = free_.lower_bound(begin);
  if (after != free_.begin()) {
    auto const [before, size] = *std::prev(after);
    if (before + size == begin) {
      remove_free(before, size);
      begin = before;
      bytes += size;
    }
  }
  free_[begin] = bytes;
  free_by_size_.insert({bytes, begin});
}

void PageHeap::remove_free(Address begin, size_t bytes) {
  free_.erase(begin);
  free_by_size_.erase({bytes, begin});
}

}  // namespace eddyline
