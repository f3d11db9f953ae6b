#pragma once

#include <ATen/Context.h>

namespace eddyline {

/// Whether float32 products on this processor are oneDNN's: it multiplies about twice as fast as
/// the library behind at::linear on AMD's, not on Intel's. By the maker and not by a timing, which
/// a busy machine misleads and which would let the bits of a result change from run to run.
inline bool prefers_onednn() {
#if defined(__x86_64__)
  static bool const is_amd = __builtin_cpu_is("amd") != 0;
  return is_amd && at::globalContext().userEnabledMkldnn();
#else
  return false;
#endif
}

}  // namespace eddyline
