#include "data/hdf5/library.hpp"

#include <atomic>
#include <vector>

#include <hdf5.h>

#include "data/hdf5/lzf.hpp"

namespace eddyline {
namespace {

std::atomic<bool> damaged = false;

constexpr size_t kReasons = 3;  // the innermost ones tell; the outer ones repeat the call chain

herr_t collect_reason(unsigned /*depth*/, H5E_error2_t const* error, void* reasons) {
  auto& list = *static_cast<std::vector<std::string>*>(reasons);
  std::string text = error->desc == nullptr ? "" : error->desc;
  if (!text.empty() && list.size() < kReasons && (list.empty() || list.back() != text)) {
    list.push_back(std::move(text));
  }
  return 0;
}

}  // namespace

std::recursive_mutex& hdf5_lock() {
  static std::recursive_mutex lock;
  return lock;
}

void prepare_hdf5() {
  std::lock_guard const lock(hdf5_lock());
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  register_lzf_filter();
}

std::string take_hdf5_errors() {
  std::lock_guard const lock(hdf5_lock());
  std::vector<std::string> reasons;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, collect_reason, &reasons);
  H5Eclear2(H5E_DEFAULT);
  std::string text;
  for (auto const& reason : reasons) {
    text += (text.empty() ? "" : "; ") + reason;
  }
  return text.empty() ? "no reason given" : text;
}

void note_hdf5_damage() {
  damaged = true;
}

bool is_hdf5_damaged() {
  return damaged;
}

}  // namespace eddyline
