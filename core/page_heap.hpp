#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

namespace eddyline {

/// Whether free pages wait for the next that needs them, or go back to the system at once.
enum class FreePages { kept, given_back };

/// Memory in whole pages, taken from the system in pieces and kept. The smallest free place that
/// suffices is taken, and a freed place joins its free neighbours: nothing else lies between them,
/// and no alignment leaves rests. Threads may share it.
class PageHeap {
 public:
  /// \param piece  bytes by which it grows, or by more where a place needs more
  explicit PageHeap(size_t piece, FreePages free_pages = FreePages::kept);
  /// Gives back what is free; what is taken stays.
  ~PageHeap();
  PageHeap(PageHeap const&) = delete;
  PageHeap& operator=(PageHeap const&) = delete;

  /// \return  so many bytes from the begin of a page; none if the system has no more
  void* take(size_t bytes) noexcept;
  /// \return  false if the place was not taken from here
  bool free(void* place) noexcept;
  /// Gives all free places to the system.
  void give_back() noexcept;
  /// Bytes that the system has given and not got back.
  size_t held() const;

 private:
  using Address = std::uintptr_t;

  bool grow(size_t bytes);
  void give_back_free() noexcept;
  void add_free(Address begin, size_t bytes);
  void remove_free(Address begin, size_t bytes);

  size_t piece_;
  FreePages free_pages_;
  size_t held_ = 0;
  std::map<Address, size_t> free_;
  std::set<std::pair<size_t, Address>> free_by_size_;
  std::unordered_map<Address, size_t> taken_;
  mutable std::mutex mutex_;
};

}  // namespace eddyline
