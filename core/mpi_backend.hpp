#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <torch/csrc/distributed/c10d/Backend.hpp>

#include "core/mpi_engine.hpp"

namespace eddyline {

/// Makes the backend by which these ranks' GPUs talk to each other, of which this rank's is given;
/// null: they talk through the host. Collective.
using GpuBackendMaker = std::function<c10::intrusive_ptr<c10d::Backend>(at::Device)>;

/// c10d's interface over MpiCollectives: every operation is queued and runs on one thread, in the
/// order of the calls. Tensors on a GPU are handed on to a backend for GPUs where there is one, and
/// travel through the host otherwise.
class MpiBackend final : public c10d::Backend {
 public:
  using Tensors = std::vector<at::Tensor>;
  using WorkPointer = c10::intrusive_ptr<c10d::Work>;

  /// \param make_gpu_backend  called once, by the first operation on tensors of a GPU, which all
  ///                          ranks begin; may be empty
  explicit MpiBackend(MpiCollectives collectives, GpuBackendMaker make_gpu_backend = {});
  /// Finishes what is queued, unless an error unwinds: then what is queued may never finish.
  ~MpiBackend() override;

  const std::string getBackendName() const override { return "mpi"; }
  ProcessGroupCounters counters() const;

  WorkPointer broadcast(Tensors& tensors, c10d::BroadcastOptions const& options) override;
  WorkPointer allreduce(Tensors& tensors, c10d::AllreduceOptions const& options) override;
  WorkPointer allreduce_coalesced(Tensors& tensors,
                                  c10d::AllreduceCoalescedOptions const& options) override;
  WorkPointer reduce(Tensors& tensors, c10d::ReduceOptions const& options) override;
  WorkPointer allgather(std::vector<Tensors>& outputs,
                        Tensors& inputs,
                        c10d::AllgatherOptions const& options) override;
  WorkPointer _allgather_base(at::Tensor& output,
                              at::Tensor& input,
                              c10d::AllgatherOptions const& options) override;
  WorkPointer reduce_scatter(Tensors& outputs,
                             std::vector<Tensors>& inputs,
                             c10d::ReduceScatterOptions const& options) override;
  WorkPointer _reduce_scatter_base(at::Tensor& output,
                                   at::Tensor& input,
                                   c10d::ReduceScatterOptions const& options) override;
  WorkPointer alltoall_base(at::Tensor& output,
                            at::Tensor& input,
                            std::vector<int64_t>& output_rows,
                            std::vector<int64_t>& input_rows,
                            c10d::AllToAllOptions const& options) override;
  WorkPointer alltoall(Tensors& outputs,
                       Tensors& inputs,
                       c10d::AllToAllOptions const& options) override;
  WorkPointer send(Tensors& tensors, int destination, int tag) override;
  WorkPointer recv(Tensors& tensors, int source, int tag) override;
  WorkPointer barrier(c10d::BarrierOptions const& options) override;

 private:
  using ReduceOperation = MpiCollectives::Operation;

  /// Who takes a tensor as it lies on its GPU, with the operation counted; null: nobody.
  c10d::Backend* gpu_backend_for(at::Tensor const& tensor,
                                 GroupOperation const& operation,
                                 std::optional<ReduceOperation> reduction = std::nullopt);
  /// n (P−1)/P: what a rank sends of n bytes that all ranks reduce or spread in equal parts.
  int64_t share_sent(int64_t bytes) const { return bytes * (size_ - 1) / size_; }
  using GpuCall = std::function<WorkPointer(c10d::Backend&, Tensors&)>;
  /// \param between_gpus  reduces tensors that lie on GPUs, by a backend that takes them there
  WorkPointer allreduce_each(Tensors const& tensors,
                             ReduceOperation reduction,
                             GpuCall const& between_gpus);

  /// Shared with the thread, which is left behind when an error unwinds while it waits for ranks
  /// that will never come.
  std::shared_ptr<MpiEngine> engine_;
  std::thread thread_;
  GpuBackendMaker make_gpu_backend_;
  std::once_flag gpu_backend_made_;
  c10::intrusive_ptr<c10d::Backend> gpu_backend_;
};

}  // namespace eddyline
