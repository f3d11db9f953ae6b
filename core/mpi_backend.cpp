#include "core/mpi_backend.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/mpi_work.hpp"

namespace eddyline {
namespace {

int64_t bytes_of(std::vector<at::Tensor> const& tensors) {
  return std::accumulate(
      tensors.begin(), tensors.end(), int64_t{0}, [](int64_t sum, auto const& tensor) {
        return sum + static_cast<int64_t>(tensor.nbytes());
      });
}

struct {
  std::mutex mutex;
  std::map<std::string, ProcessGroupCounters::Count> kinds;
} process_traffic;

/// What MPI may touch of a tensor: itself, or a contiguous copy on the host.
at::Tensor on_host(at::Tensor const& tensor) {
  if (!tensor.is_cpu()) {
    log_once("gpu tensors through the host",
             "tensors on a GPU travel between ranks through host memory");
  }
  return tensor.to(at::kCPU).contiguous();
}

void bring_back(at::Tensor const& tensor, at::Tensor const& host) {
  if (!tensor.is_same(host)) {
    tensor.copy_(host);
  }
}

at::Tensor only(std::vector<at::Tensor> const& tensors) {
  EDDYLINE_ENSURE(tensors.size() == 1, "an operation takes one tensor, got ", tensors.size());
  return tensors.front();
}

/// Elements for each rank from rows of dimension 0; no rows given: equal parts.
std::vector<int64_t> elements_of(at::Tensor const& tensor, std::vector<int64_t> rows, int ranks) {
  auto const all = tensor.dim() == 0 ? 1 : tensor.size(0);
  if (rows.empty()) {
    EDDYLINE_ENSURE(all % ranks == 0, all, " rows do not divide among ", ranks, " ranks");
    rows.assign(static_cast<size_t>(ranks), all / ranks);
  }
  EDDYLINE_ENSURE(static_cast<int>(rows.size()) == ranks &&
                      std::accumulate(rows.begin(), rows.end(), int64_t{0}) == all,
                  "parts of ",
                  rows,
                  " rows do not make ",
                  all,
                  " rows for ",
                  ranks,
                  " ranks");
  auto const row = all == 0 ? 0 : tensor.numel() / all;
  for (auto& count : rows) {
    count *= row;
  }
  return rows;
}

}  // namespace

std::map<std::string, ProcessGroupCounters::Count> traffic_of_process() {
  std::lock_guard const lock(process_traffic.mutex);
  return process_traffic.kinds;
}

struct MpiBackend::Engine {
  struct Task {
    c10::intrusive_ptr<MpiWork> work;
    std::function<void()> action;
    /// Of the thread that asked, so that a count of its memory sees what is freed on this one.
    std::shared_ptr<c10::ThreadLocalDebugInfo> observers;
  };

  explicit Engine(MpiCollectives made) : collectives(std::move(made)) {}
  void serve();

  MpiCollectives collectives;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Task> tasks;
  bool is_working = false;
  bool is_closing = false;
  ProcessGroupCounters counters;
};

MpiBackend::MpiBackend(MpiCollectives collectives)
    : Backend(collectives.communicator().rank(), collectives.communicator().size()),
      engine_(std::make_shared<Engine>(std::move(collectives))),
      thread_([engine = engine_] { engine->serve(); }) {}

MpiBackend::~MpiBackend() {
  {
    std::lock_guard const lock(engine_->mutex);
    engine_->is_closing = true;
    if (std::uncaught_exceptions() > 0 && (engine_->is_working || !engine_->tasks.empty())) {
      engine_->tasks.clear();
      thread_.detach();
      return;
    }
  }
  engine_->wake.notify_one();
  thread_.join();
}

ProcessGroupCounters MpiBackend::counters() const {
  std::lock_guard const lock(engine_->mutex);
  return engine_->counters;
}

void MpiBackend::Engine::serve() {
  // Results are written in place, whatever autograd or inference mode their tensors were made in.
  at::AutoDispatchBelowADInplaceOrView const below_autograd;
  for (;;) {
    std::unique_lock lock(mutex);
    wake.wait(lock, [this] { return is_closing || !tasks.empty(); });
    if (tasks.empty()) {
      return;
    }
    auto task = std::move(tasks.front());
    tasks.pop_front();
    is_working = true;
    lock.unlock();
    c10::ThreadLocalDebugInfo::_forceCurrentDebugInfo(task.observers);
    auto const start = std::chrono::steady_clock::now();
    std::exception_ptr error;
    try {
      task.action();
    } catch (...) {
      error = std::current_exception();
    }
    task.action = nullptr;  // its tensors go back to the thread that asked, which may free them now
    auto const seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    lock.lock();
    is_working = false;
    counters.seconds += seconds;
    lock.unlock();
    task.work->complete(error);
  }
}

MpiBackend::WorkPointer MpiBackend::submit(Operation operation, std::function<void()> action) {
  auto work = c10::make_intrusive<MpiWork>(rank_, operation.type, std::move(operation.outputs));
  bool const is_alone = engine_->collectives.communicator().is_rehearsal();
  {
    std::lock_guard const lock(engine_->mutex);
    std::lock_guard const lock_of_process(process_traffic.mutex);
    auto const kind = std::string(TrafficKind::current());
    for (auto* count : {&engine_->counters.operations[operation.name],
                        &engine_->counters.kinds[kind],
                        &process_traffic.kinds[kind]}) {
      ++count->calls;
      count->bytes += operation.bytes;
      count->sent += operation.sent;
      count->largest = std::max(count->largest, operation.sent);
    }
    if (!is_alone) {
      engine_->tasks.push_back({work, std::move(action), c10::ThreadLocalDebugInfo::current()});
    }
  }
  is_alone ? work->complete(nullptr) : engine_->wake.notify_one();
  return work;
}

MpiBackend::WorkPointer MpiBackend::broadcast(Tensors& tensors,
                                              c10d::BroadcastOptions const& options) {
  auto const tensor = only(tensors);
  auto const host = on_host(tensor);
  auto const root = static_cast<int>(options.rootRank);
  auto const bytes = bytes_of(tensors);
  return submit({c10d::OpType::BROADCAST, "broadcast", bytes, root == rank_ ? bytes : 0, tensors},
                [engine = engine_, tensor, host, root] {
                  engine->collectives.broadcast(host, root);
                  bring_back(tensor, host);
                });
}

MpiBackend::WorkPointer MpiBackend::allreduce_each(Tensors const& tensors,
                                                   c10d::ReduceOp::RedOpType reduction) {
  Tensors hosts;
  for (auto const& tensor : tensors) {
    MpiCollectives::check_reduction(reduction, tensor.scalar_type());
    hosts.push_back(on_host(tensor));
  }
  auto const bytes = bytes_of(tensors);
  return submit({c10d::OpType::ALLREDUCE, "allreduce", bytes, share_sent(2 * bytes), tensors},
                [engine = engine_, tensors, hosts, reduction] {
                  for (size_t i = 0; i < hosts.size(); ++i) {
                    engine->collectives.all_reduce(hosts[i], reduction);
                    bring_back(tensors[i], hosts[i]);
                  }
                });
}

MpiBackend::WorkPointer MpiBackend::allreduce(Tensors& tensors,
                                              c10d::AllreduceOptions const& options) {
  return allreduce_each(tensors, options.reduceOp);
}

MpiBackend::WorkPointer MpiBackend::allreduce_coalesced(
    Tensors& tensors, c10d::AllreduceCoalescedOptions const& options) {
  return allreduce_each(tensors, options.reduceOp);
}

MpiBackend::WorkPointer MpiBackend::reduce(Tensors& tensors, c10d::ReduceOptions const& options) {
  auto const tensor = only(tensors);
  auto const reduction = options.reduceOp.op_;
  MpiCollectives::check_reduction(reduction, tensor.scalar_type());
  // Only the root's tensor changes.
  auto const host = on_host(tensor).clone();
  bool const is_root = options.rootRank == rank_;
  auto const bytes = bytes_of(tensors);
  return submit({c10d::OpType::REDUCE, "reduce", bytes, share_sent(2 * bytes), tensors},
                [engine = engine_, tensor, host, reduction, is_root] {
                  engine->collectives.all_reduce(host, reduction);
                  if (is_root) {
                    tensor.copy_(host);
                  }
                });
}

MpiBackend::WorkPointer MpiBackend::allgather(std::vector<Tensors>& outputs,
                                              Tensors& inputs,
                                              c10d::AllgatherOptions const&) {
  auto const input = only(inputs);
  EDDYLINE_ENSURE(outputs.size() == 1 && static_cast<int>(outputs[0].size()) == size_,
                  "allgather takes one list of ",
                  size_);
  auto const parts = outputs[0];
  auto const host = on_host(input);
  auto const bytes = bytes_of(inputs);
  return submit({c10d::OpType::ALLGATHER, "allgather", bytes, bytes * (size_ - 1), parts},
                [engine = engine_, parts, host, size = size_] {
                  auto const all = at::empty({size, host.numel()}, host.options());
                  engine->collectives.all_gather(all, host);
                  for (size_t i = 0; i < parts.size(); ++i) {
                    parts[i].copy_(all[static_cast<int64_t>(i)].view(host.sizes()));
                  }
                });
}

MpiBackend::WorkPointer MpiBackend::_allgather_base(at::Tensor& output,
                                                    at::Tensor& input,
                                                    c10d::AllgatherOptions const&) {
  EDDYLINE_ENSURE(
      output.numel() == input.numel() * size_ && output.scalar_type() == input.scalar_type(),
      "allgather of ",
      input.numel(),
      " elements into ",
      output.numel(),
      " on ",
      size_,
      " ranks");
  auto const host = on_host(input);
  auto const all = output.is_cpu() && output.is_contiguous()
                       ? output
                       : at::empty(output.sizes(), host.options());
  auto const bytes = bytes_of({input});
  return submit({c10d::OpType::_ALLGATHER_BASE, "allgather", bytes, bytes * (size_ - 1), {output}},
                [engine = engine_, output, all, host] {
                  engine->collectives.all_gather(all, host);
                  bring_back(output, all);
                });
}

MpiBackend::WorkPointer MpiBackend::reduce_scatter(Tensors& outputs,
                                                   std::vector<Tensors>& inputs,
                                                   c10d::ReduceScatterOptions const& options) {
  auto output = only(outputs);
  EDDYLINE_ENSURE(inputs.size() == 1 && static_cast<int>(inputs[0].size()) == size_,
                  "reduce_scatter takes one list of ",
                  size_);
  auto input = at::stack(inputs[0]);
  return _reduce_scatter_base(output, input, options);
}

MpiBackend::WorkPointer MpiBackend::_reduce_scatter_base(
    at::Tensor& output, at::Tensor& input, c10d::ReduceScatterOptions const& options) {
  auto const reduction = options.reduceOp.op_;
  MpiCollectives::check_reduction(reduction, input.scalar_type());
  EDDYLINE_ENSURE(
      input.numel() == output.numel() * size_ && output.scalar_type() == input.scalar_type(),
      "reduce_scatter of ",
      input.numel(),
      " elements into ",
      output.numel(),
      " on ",
      size_,
      " ranks");
  auto const host = on_host(input);
  auto const sums = output.is_cpu() && output.is_contiguous()
                        ? output
                        : at::empty(output.sizes(), host.options());
  auto const bytes = bytes_of({input});
  return submit(
      {c10d::OpType::_REDUCE_SCATTER_BASE, "reduce_scatter", bytes, share_sent(bytes), {output}},
      [engine = engine_, output, sums, host, reduction] {
        engine->collectives.reduce_scatter(sums, host, reduction);
        bring_back(output, sums);
      });
}

MpiBackend::WorkPointer MpiBackend::alltoall_base(at::Tensor& output,
                                                  at::Tensor& input,
                                                  std::vector<int64_t>& output_rows,
                                                  std::vector<int64_t>& input_rows,
                                                  c10d::AllToAllOptions const&) {
  EDDYLINE_ENSURE(output.scalar_type() == input.scalar_type(), "alltoall between unlike types");
  auto const to = elements_of(output, output_rows, size_);
  auto const from = elements_of(input, input_rows, size_);
  auto const host = on_host(input);
  auto const received = output.is_cpu() && output.is_contiguous()
                            ? output
                            : at::empty(output.sizes(), host.options());
  auto const bytes = bytes_of({input});
  auto const own = from[static_cast<size_t>(rank_)] * static_cast<int64_t>(input.element_size());
  return submit({c10d::OpType::ALLTOALL_BASE, "alltoall", bytes, bytes - own, {output}},
                [engine = engine_, output, received, host, to, from] {
                  engine->collectives.all_to_all(received, host, to, from);
                  bring_back(output, received);
                });
}

MpiBackend::WorkPointer MpiBackend::alltoall(Tensors& outputs,
                                             Tensors& inputs,
                                             c10d::AllToAllOptions const&) {
  EDDYLINE_ENSURE(
      static_cast<int>(outputs.size()) == size_ && static_cast<int>(inputs.size()) == size_,
      "alltoall takes ",
      size_,
      " tensors, got ",
      inputs.size(),
      " and ",
      outputs.size());
  Tensors flat;
  std::vector<int64_t> from;
  std::vector<int64_t> to;
  for (size_t i = 0; i < inputs.size(); ++i) {
    flat.push_back(on_host(inputs[i]).view(-1));
    from.push_back(inputs[i].numel());
    to.push_back(outputs[i].numel());
  }
  auto const host = at::cat(flat);
  auto const bytes = bytes_of(inputs);
  auto const own = static_cast<int64_t>(inputs[static_cast<size_t>(rank_)].nbytes());
  return submit({c10d::OpType::ALLTOALL, "alltoall", bytes, bytes - own, outputs},
                [engine = engine_, outputs, host, to, from] {
                  auto const received = at::empty(
                      {std::accumulate(to.begin(), to.end(), int64_t{0})}, host.options());
                  engine->collectives.all_to_all(received, host, to, from);
                  auto const parts = received.split_with_sizes(to);
                  for (size_t i = 0; i < outputs.size(); ++i) {
                    outputs[i].copy_(parts[i].view(outputs[i].sizes()));
                  }
                });
}

MpiBackend::WorkPointer MpiBackend::send(Tensors& tensors, int destination, int tag) {
  auto const host = on_host(only(tensors));
  auto const bytes = bytes_of(tensors);
  return submit({c10d::OpType::SEND, "send", bytes, bytes, {}},
                [engine = engine_, host, destination, tag] {
                  engine->collectives.send(host, destination, tag);
                });
}

MpiBackend::WorkPointer MpiBackend::recv(Tensors& tensors, int source, int tag) {
  auto const tensor = only(tensors);
  auto const host = on_host(tensor);
  return submit({c10d::OpType::RECV, "recv", bytes_of(tensors), 0, tensors},
                [engine = engine_, tensor, host, source, tag] {
                  engine->collectives.receive(host, source, tag);
                  bring_back(tensor, host);
                });
}

MpiBackend::WorkPointer MpiBackend::barrier(c10d::BarrierOptions const&) {
  return submit({c10d::OpType::BARRIER, "barrier", 0, 0, {}},
                [engine = engine_] { engine->collectives.barrier(); });
}

}  // namespace eddyline
