#include "core/gpu_backend.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/device.hpp"
#include "core/installed.hpp"
#include "core/log.hpp"
#include "core/mpi_backend.hpp"
#include "tests/core/temporary_folder.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

TEST(GpuBackend, IsForRanksWithAGpuOfTheirOwn) {
  EXPECT_EQ(why_through_host({"a0", "a1", "b0"}), "");
  EXPECT_THAT(why_through_host({"a0", "a1", "a0"}),
              HasSubstr("ranks 0 and 2 share a GPU, and NCCL wants one for each; start as many "
                        "ranks as GPUs"));
  EXPECT_EQ(why_through_host({"a0", "through the host: no NCCL here", "a0"}), "no NCCL here");
}

TEST(GpuBackend, WithoutNcclSaysOnceThatTensorsGoThroughTheHost) {
  if (installed("lib/libeddyline_nccl.so")) {
    GTEST_SKIP() << "this build has NCCL";
  }
  TemporaryFolder const folder;
  attach_log_file(folder.path() / "log.txt");
  auto const world = Communicator::world();
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(make_gpu_backend(world, at::Device(at::kCUDA, 0)), nullptr);
  }
  detach_log_file();
  if (!world.is_root()) {
    return;  // the root writes the log
  }
  auto const text = read_text(folder.path() / "log.txt", 100000);
  std::string const words =
      "warning: tensors on GPUs travel between ranks through host memory: this build has no NCCL; "
      "configure with -DEDDYLINE_NCCL=ON";
  EXPECT_THAT(text, HasSubstr(words));
  EXPECT_EQ(text.find(words), text.rfind(words));
}

TEST(GpuBackend, HasAStoreInWhichAllRanksMeet) {
  auto const world = Communicator::world();
  auto const store = make_store(world);
  store->set(std::to_string(world.rank()), "here " + std::to_string(world.rank()));
  auto const other = (world.rank() + 1) % world.size();
  EXPECT_EQ(store->get_to_str(std::to_string(other)), "here " + std::to_string(other));
  world.barrier();  // the server ends with its rank
}

TEST(GpuBackend, TakesWhatNcclKnows) {
  using enum c10d::ReduceOp::RedOpType;
  EXPECT_TRUE(travels_between_gpus(at::kComplexFloat, std::nullopt));
  EXPECT_TRUE(travels_between_gpus(at::kBFloat16, SUM));
  EXPECT_TRUE(travels_between_gpus(at::kFloat, MAX));
  EXPECT_TRUE(travels_between_gpus(at::kComplexFloat, SUM));
  EXPECT_FALSE(travels_between_gpus(at::kComplexFloat, PRODUCT));
  EXPECT_FALSE(travels_between_gpus(at::kInt, BXOR));
  EXPECT_FALSE(travels_between_gpus(at::kShort, std::nullopt));
}

/// Notes what it is asked for and does nothing.
class Notes final : public c10d::Backend {
 public:
  Notes() : Backend(0, 1) {}
  const std::string getBackendName() const override { return "notes"; }
  c10::intrusive_ptr<c10d::Work> note(char const* name, at::Tensor const& tensor) {
    asked.push_back(concat(name, " ", tensor.sizes().vec()));
    return c10::make_intrusive<c10d::Work>();
  }
  c10::intrusive_ptr<c10d::Work> broadcast(std::vector<at::Tensor>& tensors,
                                           c10d::BroadcastOptions const&) override {
    return note("broadcast", tensors[0]);
  }
  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor>& tensors,
                                           c10d::AllreduceOptions const&) override {
    return note("allreduce", tensors[0]);
  }
  c10::intrusive_ptr<c10d::Work> _allgather_base(at::Tensor& output,
                                                 at::Tensor&,
                                                 c10d::AllgatherOptions const&) override {
    return note("allgather", output);
  }
  c10::intrusive_ptr<c10d::Work> _reduce_scatter_base(at::Tensor& output,
                                                      at::Tensor&,
                                                      c10d::ReduceScatterOptions const&) override {
    return note("reduce_scatter", output);
  }
  c10::intrusive_ptr<c10d::Work> alltoall_base(at::Tensor& output,
                                               at::Tensor&,
                                               std::vector<int64_t>&,
                                               std::vector<int64_t>&,
                                               c10d::AllToAllOptions const&) override {
    return note("alltoall", output);
  }
  c10::intrusive_ptr<c10d::Work> send(std::vector<at::Tensor>& tensors, int, int) override {
    return note("send", tensors[0]);
  }
  c10::intrusive_ptr<c10d::Work> recv(std::vector<at::Tensor>& tensors, int, int) override {
    return note("recv", tensors[0]);
  }

  void shutdown() override { asked.emplace_back("shutdown"); }

  std::vector<std::string> asked;
};

/// Tensors that are on no host stand for those on a GPU.
at::Tensor elsewhere(std::vector<int64_t> const& sizes, at::ScalarType type = at::kFloat) {
  return at::empty(sizes, at::device(at::kMeta).dtype(type));
}

TEST(GpuBackend, GetsTheTensorsThatAreOnAGpuAndMpiTheOthers) {
  auto const notes = c10::make_intrusive<Notes>();
  int made = 0;
  auto mpi =
      c10::make_intrusive<MpiBackend>(MpiCollectives(Communicator::world(), 64), [&](at::Device) {
        ++made;
        return notes;
      });
  auto const ranks = int64_t{mpi->getSize()};
  std::vector<at::Tensor> host = {at::ones({2})};
  mpi->allreduce(host, {})->wait();
  EXPECT_EQ(host[0][0].item<int64_t>(), ranks);
  EXPECT_EQ(made, 0);

  std::vector<at::Tensor> gpu = {elsewhere({3})};
  mpi->allreduce(gpu, {});
  mpi->broadcast(gpu, {});
  auto one = elsewhere({3});
  auto all = elsewhere({ranks, 3});
  mpi->_allgather_base(all, one, {});
  mpi->_reduce_scatter_base(one, all, {});
  auto complex = elsewhere({ranks}, at::kComplexFloat);
  std::vector<int64_t> equal_parts;
  mpi->alltoall_base(complex, complex, equal_parts, equal_parts, {});
  mpi->send(gpu, 0, 0);
  mpi->recv(gpu, 0, 0);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(notes->asked,
            (std::vector<std::string>{"allreduce 3",
                                      "broadcast 3",
                                      concat("allgather ", ranks, ", 3"),
                                      "reduce_scatter 3",
                                      concat("alltoall ", ranks, ", 2"),  // pairs of real numbers
                                      "send 3",
                                      "recv 3"}));
  auto const counters = mpi->counters();
  EXPECT_EQ(counters.operations.at("allreduce").calls, 2);
  EXPECT_EQ(counters.operations.at("alltoall").bytes, 8 * ranks);
  mpi.reset();
  EXPECT_EQ(notes->asked.back(), "shutdown");
}

TEST(GpuBackend, SumsAndExchangesByNccl) {
  open_cuda_library();
  auto const world = Communicator::world();
  auto const gpus = world.all_reduce(static_cast<int64_t>(gpu_count()), Reduction::min);
  if (gpus < world.size() || !installed("lib/libeddyline_nccl.so")) {
    GTEST_SKIP() << "needs a GPU for each rank (" << cuda_state()
                 << ") and a build with EDDYLINE_NCCL";
  }
  auto const device = choose_device(DeviceKind::cuda, world);
  auto const ranks = world.size();
  ASSERT_NE(make_gpu_backend(world, device), nullptr);
  auto const group = make_process_group(world);
  std::vector<at::Tensor> sum = {at::full({5}, world.rank() + 1.0, device)};
  group->allreduce(sum)->wait();
  EXPECT_TRUE(at::equal(sum[0].cpu(), at::full({5}, ranks * (ranks + 1) / 2.0)));
  auto rows = (at::arange(ranks, device) + 10 * world.rank()).to(at::kComplexFloat);
  auto columns = at::empty_like(rows);
  std::vector<int64_t> equal_parts;
  group->alltoall_base(columns, rows, equal_parts, equal_parts)->wait();
  EXPECT_TRUE(at::equal(at::real(columns).cpu(), 10.0F * at::arange(ranks) + world.rank()));
}

}  // namespace
}  // namespace eddyline
