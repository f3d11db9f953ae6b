#include "core/gpu_random.hpp"

#include <dlfcn.h>

#include <mutex>
#include <string>

#include <ATen/ATen.h>
#include <c10/util/SmallVector.h>

#include "core/log.hpp"
#include "core/transfer.hpp"

namespace eddyline {
namespace {

using Tensors = c10::SmallVector<at::Tensor>;
using Scalars = c10::SmallVector<at::Scalar>;
using Launch = Tensors (*)(std::string const& code,
                           std::string const& name,
                           int outputs,
                           Tensors const& inputs,
                           Scalars const& arguments,
                           bool return_by_reference);

/// at::cuda::CompileAndLaunchKernel of libtorch_cuda, which this program is not linked to.
constexpr char const* kLaunch =
    "_ZN2at4cuda22CompileAndLaunchKernelERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEES8_"
    "iRKN3c1011SmallVectorINS_6TensorELj6EEERKNSA_INS9_6ScalarELj1EEEb";

/// Philox 4x32-10 (Salmon et al. 2011) as core/random.cpp has it: the upper 24 bits of the word at
/// `position` of the stream of `index`.
constexpr char const* kPhilox = R"(
template <typename T>
T eddyline_philox(T position, T index, T key0, T key1) {
  unsigned long long block = (unsigned long long)position / 4;
  unsigned int c0 = (unsigned int)block, c1 = (unsigned int)(block >> 32);
  unsigned int c2 = (unsigned int)index, c3 = (unsigned int)((unsigned long long)index >> 32);
  unsigned int k0 = (unsigned int)key0, k1 = (unsigned int)key1;
  for (int round = 0; round < 10; ++round) {
    unsigned long long a = 0xD2511F53ull * c0, b = 0xCD9E8D57ull * c2;
    c0 = (unsigned int)(b >> 32) ^ c1 ^ k0;
    c1 = (unsigned int)b;
    c2 = (unsigned int)(a >> 32) ^ c3 ^ k1;
    c3 = (unsigned int)a;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  int word = (int)(position % 4);
  unsigned int chosen = word == 0 ? c0 : word == 1 ? c1 : word == 2 ? c2 : c3;
  return (T)(chosen >> 8);
}
)";

}  // namespace

std::optional<at::Tensor> uniform_by_kernel(std::array<uint32_t, 2> const& key,
                                            std::vector<int64_t> const& indices,
                                            int64_t length,
                                            at::Device gpu) {
  // The compiler is asked by one thread at a time, and none asks again after it failed.
  static std::mutex mutex;
  static auto launch = reinterpret_cast<Launch>(dlsym(RTLD_DEFAULT, kLaunch));
  std::lock_guard const lock(mutex);
  if (launch == nullptr) {
    log_once("philox", "warning: this LibTorch has no compiler for GPUs: dropout is slow there");
    return std::nullopt;
  }
  auto const options = at::TensorOptions().dtype(at::kLong);
  auto const rows = static_cast<int64_t>(indices.size());
  Tensors const inputs = {at::arange(length, options.device(gpu)).unsqueeze(0),
                          sent(at::tensor(indices, options), gpu).view({rows, 1})};
  Scalars const arguments = {static_cast<int64_t>(key[0]), static_cast<int64_t>(key[1])};
  try {
    auto const bits = launch(kPhilox, "eddyline_philox", 1, inputs, arguments, false)[0];
    return bits.to(at::kFloat).mul_(0x1.0p-24);
  } catch (c10::Error const& error) {
    launch = nullptr;
    log_once("philox compiler",
             std::string("warning: dropout is slow on this GPU, whose kernel does not compile: ") +
                 error.what_without_backtrace());
    return std::nullopt;
  }
}

}  // namespace eddyline
