#include "core/gpu_backend.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "core/device.hpp"
#include "core/error.hpp"
#include "core/installed.hpp"
#include "core/log.hpp"
#include "core/nccl/nccl_interface.hpp"

namespace eddyline {
namespace {

constexpr char const* kLibrary = "lib/libeddyline_nccl.so";
constexpr char const* kThroughHost = "through the host: ";

/// The functions of the library beside the program, which stays open; null where there is none.
struct NcclLibrary {
  decltype(&eddyline_nccl_gpu) gpu = nullptr;
  decltype(&eddyline_nccl_backend) backend = nullptr;
  std::string problem;
};

NcclLibrary open_library() {
  auto const path = installed(kLibrary);
  if (!path) {
    return {.problem = "this build has no NCCL; configure with -DEDDYLINE_NCCL=ON"};
  }
  auto* const library = dlopen(path->c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return {.problem = concat(path->string(), " cannot be loaded: ", dlerror())};
  }
  NcclLibrary functions{
      .gpu = reinterpret_cast<decltype(&eddyline_nccl_gpu)>(dlsym(library, "eddyline_nccl_gpu")),
      .backend = reinterpret_cast<decltype(&eddyline_nccl_backend)>(
          dlsym(library, "eddyline_nccl_backend"))};
  if (functions.gpu == nullptr || functions.backend == nullptr) {
    functions.problem = path->string() + " is of another build of this program; install both anew";
  }
  return functions;
}

NcclLibrary const& nccl_library() {
  static auto const library = open_library();
  return library;
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

std::string why_through_host(std::vector<std::string> const& answers) {
  std::map<std::string, size_t> rank_of;
  for (size_t rank = 0; rank < answers.size(); ++rank) {
    if (answers[rank].starts_with(kThroughHost)) {
      return answers[rank].substr(std::string(kThroughHost).size());
    }
    auto const [other, is_new] = rank_of.try_emplace(answers[rank], rank);
    if (!is_new) {
      return concat("ranks ",
                    other->second,
                    " and ",
                    rank,
                    " share a GPU, and NCCL wants one for each; start as many ranks as GPUs");
    }
  }
  return "";
}

c10::intrusive_ptr<c10d::Store> make_store(Communicator const& ranks) {
  c10d::TCPStoreOptions options;
  options.port = 0;  // a free one
  options.isServer = ranks.is_root();
  options.waitWorkers = false;
  // Names of hosts are asked for only where they are needed: not every container can look them up.
  bool const is_one_node = ranks_on_node(ranks).size() == ranks.size();
  auto const host = ranks.broadcast(is_one_node ? "127.0.0.1" : host_name());
  c10::intrusive_ptr<c10d::TCPStore> store;
  ranks.together([&] {
    if (ranks.is_root()) {
      store = c10::make_intrusive<c10d::TCPStore>(host, options);
    }
  });
  options.port = static_cast<std::uint16_t>(
      std::stoi(ranks.broadcast(store ? std::to_string(store->getPort()) : "")));
  ranks.together([&] {
    if (!ranks.is_root()) {
      store = c10::make_intrusive<c10d::TCPStore>(host, options);
    }
  });
  return store;
}

c10::intrusive_ptr<c10d::Backend> make_gpu_backend(Communicator const& ranks, at::Device gpu) {
  auto const& library = nccl_library();
  auto answer = kThroughHost + library.problem;
  if (library.problem.empty()) {
    library.gpu(gpu.index(), answer);
  }
  if (auto const reason = why_through_host(ranks.all_gather(answer)); !reason.empty()) {
    log_once("gpu tensors through the host",
             "warning: tensors on GPUs travel between ranks through host memory: " + reason);
    return nullptr;
  }
  auto const store = make_store(ranks);
  c10::intrusive_ptr<c10d::Backend> backend;
  ranks.together([&] { library.backend(store, ranks.rank(), ranks.size(), backend); });
  log_once("nccl", "tensors on GPUs travel between ranks by NCCL");
  return backend;
}

bool travels_between_gpus(at::ScalarType type, std::optional<c10d::ReduceOp::RedOpType> reduction) {
  using Operation = c10d::ReduceOp::RedOpType;
  constexpr auto kTypes = std::to_array({at::kChar,
                                         at::kByte,
                                         at::kBool,
                                         at::kInt,
                                         at::kLong,
                                         at::kHalf,
                                         at::kBFloat16,
                                         at::kFloat,
                                         at::kDouble,
                                         at::kComplexFloat,
                                         at::kComplexDouble});
  auto const is_one_of = [&](std::initializer_list<Operation> operations) {
    return std::ranges::find(operations, *reduction) != operations.end();
  };
  return std::ranges::find(kTypes, type) != kTypes.end() &&
         (!reduction || is_one_of({Operation::SUM, Operation::AVG}) ||
          (!at::isComplexType(type) &&
           is_one_of({Operation::MIN, Operation::MAX, Operation::PRODUCT})));
}

at::Tensor as_real(at::Tensor const& tensor) {
  return tensor.is_complex() ? at::view_as_real(tensor) : tensor;
}

std::vector<at::Tensor> as_real(std::vector<at::Tensor> const& tensors) {
  std::vector<at::Tensor> real;
  for (auto const& tensor : tensors) {
    real.push_back(as_real(tensor));
  }
  return real;
}

}  // namespace eddyline
