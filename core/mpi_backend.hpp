#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <torch/csrc/distributed/c10d/Backend.hpp>

#include "core/mpi_collectives.hpp"
#include "core/process_group.hpp"

namespace eddyline {

/// c10d's interface over MpiCollectives: every operation is queued and runs on one thread, in the
/// order of the calls.
class MpiBackend final : public c10d::Backend {
 public:
  using Tensors = std::vector<at::Tensor>;
  using WorkPointer = c10::intrusive_ptr<c10d::Work>;

  explicit MpiBackend(MpiCollectives collectives);
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
  /// What the thread works with. Shared, because the thread is left behind when an error unwinds
  /// while it waits for ranks that will never come.
  struct Engine;
  /// What an operation is called, and what it moves.
  struct Operation {
    c10d::OpType type;
    char const* name;
    int64_t bytes;  ///< handed over
    int64_t sent;   ///< ProcessGroupCounters::Count::sent
    Tensors outputs;
  };

  WorkPointer submit(Operation operation, std::function<void()> action);
  /// n (P−1)/P: what a rank sends of n bytes that all ranks reduce or spread in equal parts.
  int64_t share_sent(int64_t bytes) const { return bytes * (size_ - 1) / size_; }
  WorkPointer allreduce_each(Tensors const& tensors, c10d::ReduceOp::RedOpType reduction);

  std::shared_ptr<Engine> engine_;
  std::thread thread_;
};

}  // namespace eddyline
