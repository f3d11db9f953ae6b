#include "core/mpi_backend.hpp"

#include <exception>
#include <numeric>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/gpu_backend.hpp"

namespace eddyline {
namespace {

int64_t bytes_of(std::vector<at::Tensor> const& tensors) {
  return std::accumulate(
      tensors.begin(), tensors.end(), int64_t{0}, [](int64_t sum, auto const& tensor) {
        return sum + static_cast<int64_t>(tensor.nbytes());
      });
}

/// What MPI may touch of a tensor: itself, or a contiguous copy on the host.
at::Tensor on_host(at::Tensor const& tensor) {
  return tensor.to(at::kCPU).contiguous();
}

void bring_back(at::Tensor const& tensor, at::Tensor const& host) {
  if (!tensor.is_same(host)) {
    tensor.copy_(host);
  }
}

/// Where MPI may write what becomes of `output`: itself, or a tensor on the host.
at::Tensor host_for(at::Tensor const& output) {
  return output.is_cpu() && output.is_contiguous()
             ? output
             : at::empty(output.sizes(), output.options().device(at::kCPU));
}

void check_reductions(std::vector<at::Tensor> const& tensors, c10d::ReduceOp::RedOpType reduction) {
  for (auto const& tensor : tensors) {
    MpiCollectives::check_reduction(reduction, tensor.scalar_type());
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

MpiBackend::MpiBackend(MpiCollectives collectives, GpuBackendMaker make_gpu_backend)
    : Backend(collectives.communicator().rank(), collectives.communicator().size()),
      engine_(std::make_shared<MpiEngine>(std::move(collectives))),
      thread_([engine = engine_] { engine->serve(); }),
      make_gpu_backend_(std::move(make_gpu_backend)) {}

MpiBackend::~MpiBackend() {
  if (gpu_backend_) {
    std::uncaught_exceptions() > 0 ? gpu_backend_->abort() : gpu_backend_->shutdown();
  }
  engine_->close() ? thread_.detach() : thread_.join();
}

ProcessGroupCounters MpiBackend::counters() const {
  return engine_->counters();
}

c10d::Backend* MpiBackend::gpu_backend_for(at::Tensor const& tensor,
                                           GroupOperation const& operation,
                                           std::optional<ReduceOperation> reduction) {
  if (!make_gpu_backend_ || tensor.is_cpu()) {
    return nullptr;
  }
  std::call_once(gpu_backend_made_, [&] { gpu_backend_ = make_gpu_backend_(tensor.device()); });
  if (!gpu_backend_ || !travels_between_gpus(tensor.scalar_type(), reduction)) {
    return nullptr;
  }
  engine_->count(operation);
  return gpu_backend_.get();
}

MpiBackend::WorkPointer MpiBackend::broadcast(Tensors& tensors,
                                              c10d::BroadcastOptions const& options) {
  auto const tensor = only(tensors);
  auto const root = static_cast<int>(options.rootRank);
  auto const bytes = bytes_of(tensors);
  GroupOperation const operation{
      c10d::OpType::BROADCAST, "broadcast", bytes, root == rank_ ? bytes : 0, tensors};
  if (auto* gpu = gpu_backend_for(tensor, operation)) {
    auto real = as_real(tensors);
    return gpu->broadcast(real, options);
  }
  auto const host = on_host(tensor);
  return engine_->submit(operation, [engine = engine_, tensor, host, root] {
    engine->collectives.broadcast(host, root);
    bring_back(tensor, host);
  });
}

MpiBackend::WorkPointer MpiBackend::allreduce_each(Tensors const& tensors,
                                                   ReduceOperation reduction,
                                                   GpuCall const& between_gpus) {
  check_reductions(tensors, reduction);
  auto const bytes = bytes_of(tensors);
  GroupOperation const operation{
      c10d::OpType::ALLREDUCE, "allreduce", bytes, share_sent(2 * bytes), tensors};
  if (auto* gpu = gpu_backend_for(tensors.front(), operation, reduction)) {
    auto real = as_real(tensors);
    return between_gpus(*gpu, real);
  }
  Tensors hosts;
  for (auto const& tensor : tensors) {
    hosts.push_back(on_host(tensor));
  }
  return engine_->submit(operation, [engine = engine_, tensors, hosts, reduction] {
    for (size_t i = 0; i < hosts.size(); ++i) {
      engine->collectives.all_reduce(hosts[i], reduction);
      bring_back(tensors[i], hosts[i]);
    }
  });
}

MpiBackend::WorkPointer MpiBackend::allreduce(Tensors& tensors,
                                              c10d::AllreduceOptions const& options) {
  return allreduce_each(tensors, options.reduceOp.op_, [&](c10d::Backend& gpus, Tensors& real) {
    return gpus.allreduce(real, options);
  });
}

MpiBackend::WorkPointer MpiBackend::allreduce_coalesced(
    Tensors& tensors, c10d::AllreduceCoalescedOptions const& options) {
  return allreduce_each(tensors, options.reduceOp.op_, [&](c10d::Backend& gpus, Tensors& real) {
    return gpus.allreduce_coalesced(real, options);
  });
}

MpiBackend::WorkPointer MpiBackend::reduce(Tensors& tensors, c10d::ReduceOptions const& options) {
  auto const tensor = only(tensors);
  auto const reduction = options.reduceOp.op_;
  check_reductions(tensors, reduction);
  auto const bytes = bytes_of(tensors);
  GroupOperation const operation{
      c10d::OpType::REDUCE, "reduce", bytes, share_sent(2 * bytes), tensors};
  if (auto* gpu = gpu_backend_for(tensor, operation, reduction)) {
    auto real = as_real(tensors);
    return gpu->reduce(real, options);
  }
  // Only the root's tensor changes.
  auto const host = on_host(tensor).clone();
  bool const is_root = options.rootRank == rank_;
  return engine_->submit(operation, [engine = engine_, tensor, host, reduction, is_root] {
    engine->collectives.all_reduce(host, reduction);
    if (is_root) {
      tensor.copy_(host);
    }
  });
}

MpiBackend::WorkPointer MpiBackend::allgather(std::vector<Tensors>& outputs,
                                              Tensors& inputs,
                                              c10d::AllgatherOptions const& options) {
  auto const input = only(inputs);
  EDDYLINE_ENSURE(outputs.size() == 1 && static_cast<int>(outputs[0].size()) == size_,
                  "allgather takes one list of ",
                  size_);
  auto const parts = outputs[0];
  auto const bytes = bytes_of(inputs);
  GroupOperation const operation{
      c10d::OpType::ALLGATHER, "allgather", bytes, bytes * (size_ - 1), parts};
  if (auto* gpu = gpu_backend_for(input, operation)) {
    std::vector<Tensors> real_outputs = {as_real(parts)};
    auto real_inputs = as_real(inputs);
    return gpu->allgather(real_outputs, real_inputs, options);
  }
  auto const host = on_host(input);
  return engine_->submit(operation, [engine = engine_, parts, host, size = size_] {
    auto const all = at::empty({size, host.numel()}, host.options());
    engine->collectives.all_gather(all, host);
    for (size_t i = 0; i < parts.size(); ++i) {
      parts[i].copy_(all[static_cast<int64_t>(i)].view(host.sizes()));
    }
  });
}

MpiBackend::WorkPointer MpiBackend::_allgather_base(at::Tensor& output,
                                                    at::Tensor& input,
                                                    c10d::AllgatherOptions const& options) {
  EDDYLINE_ENSURE(
      output.numel() == input.numel() * size_ && output.scalar_type() == input.scalar_type(),
      "allgather of ",
      input.numel(),
      " elements into ",
      output.numel(),
      " on ",
      size_,
      " ranks");
  auto const bytes = bytes_of({input});
  GroupOperation const operation{
      c10d::OpType::_ALLGATHER_BASE, "allgather", bytes, bytes * (size_ - 1), {output}};
  if (auto* gpu = gpu_backend_for(input, operation)) {
    auto real_output = as_real(output);
    auto real_input = as_real(input);
    return gpu->_allgather_base(real_output, real_input, options);
  }
  auto const host = on_host(input);
  auto const all = host_for(output);
  return engine_->submit(operation, [engine = engine_, output, all, host] {
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
  auto const bytes = bytes_of({input});
  GroupOperation const operation{
      c10d::OpType::_REDUCE_SCATTER_BASE, "reduce_scatter", bytes, share_sent(bytes), {output}};
  if (auto* gpu = gpu_backend_for(input, operation, reduction)) {
    auto real_output = as_real(output);
    auto real_input = as_real(input);
    return gpu->_reduce_scatter_base(real_output, real_input, options);
  }
  auto const host = on_host(input);
  auto const sums = host_for(output);
  return engine_->submit(operation, [engine = engine_, output, sums, host, reduction] {
    engine->collectives.reduce_scatter(sums, host, reduction);
    bring_back(output, sums);
  });
}

MpiBackend::WorkPointer MpiBackend::alltoall_base(at::Tensor& output,
                                                  at::Tensor& input,
                                                  std::vector<int64_t>& output_rows,
                                                  std::vector<int64_t>& input_rows,
                                                  c10d::AllToAllOptions const& options) {
  EDDYLINE_ENSURE(output.scalar_type() == input.scalar_type(), "alltoall between unlike types");
  auto const to = elements_of(output, output_rows, size_);
  auto const from = elements_of(input, input_rows, size_);
  auto const bytes = bytes_of({input});
  auto const own = from[static_cast<size_t>(rank_)] * static_cast<int64_t>(input.element_size());
  GroupOperation const operation{
      c10d::OpType::ALLTOALL_BASE, "alltoall", bytes, bytes - own, {output}};
  if (auto* gpu = gpu_backend_for(input, operation)) {
    auto real_output = as_real(output);
    auto real_input = as_real(input);
    return gpu->alltoall_base(real_output, real_input, output_rows, input_rows, options);
  }
  auto const host = on_host(input);
  auto const received = host_for(output);
  return engine_->submit(operation, [engine = engine_, output, received, host, to, from] {
    engine->collectives.all_to_all(received, host, to, from);
    bring_back(output, received);
  });
}

MpiBackend::WorkPointer MpiBackend::alltoall(Tensors& outputs,
                                             Tensors& inputs,
                                             c10d::AllToAllOptions const& options) {
  EDDYLINE_ENSURE(
      static_cast<int>(outputs.size()) == size_ && static_cast<int>(inputs.size()) == size_,
      "alltoall takes ",
      size_,
      " tensors, got ",
      inputs.size(),
      " and ",
      outputs.size());
  auto const bytes = bytes_of(inputs);
  auto const own = static_cast<int64_t>(inputs[static_cast<size_t>(rank_)].nbytes());
  GroupOperation const operation{c10d::OpType::ALLTOALL, "alltoall", bytes, bytes - own, outputs};
  if (auto* gpu = gpu_backend_for(inputs.front(), operation)) {
    auto real_outputs = as_real(outputs);
    auto real_inputs = as_real(inputs);
    return gpu->alltoall(real_outputs, real_inputs, options);
  }
  Tensors flat;
  std::vector<int64_t> from;
  std::vector<int64_t> to;
  for (size_t i = 0; i < inputs.size(); ++i) {
    flat.push_back(on_host(inputs[i]).view(-1));
    from.push_back(inputs[i].numel());
    to.push_back(outputs[i].numel());
  }
  auto const host = at::cat(flat);
  return engine_->submit(operation, [engine = engine_, outputs, host, to, from] {
    auto const received =
        at::empty({std::accumulate(to.begin(), to.end(), int64_t{0})}, host.options());
    engine->collectives.all_to_all(received, host, to, from);
    auto const parts = received.split_with_sizes(to);
    for (size_t i = 0; i < outputs.size(); ++i) {
      outputs[i].copy_(parts[i].view(outputs[i].sizes()));
    }
  });
}

MpiBackend::WorkPointer MpiBackend::send(Tensors& tensors, int destination, int tag) {
  auto const bytes = bytes_of(tensors);
  GroupOperation const operation{c10d::OpType::SEND, "send", bytes, bytes, {}};
  if (auto* gpu = gpu_backend_for(only(tensors), operation)) {
    auto real = as_real(tensors);
    return gpu->send(real, destination, tag);
  }
  auto const host = on_host(only(tensors));
  return engine_->submit(operation, [engine = engine_, host, destination, tag] {
    engine->collectives.send(host, destination, tag);
  });
}

MpiBackend::WorkPointer MpiBackend::recv(Tensors& tensors, int source, int tag) {
  auto const tensor = only(tensors);
  GroupOperation const operation{c10d::OpType::RECV, "recv", bytes_of(tensors), 0, tensors};
  if (auto* gpu = gpu_backend_for(tensor, operation)) {
    auto real = as_real(tensors);
    return gpu->recv(real, source, tag);
  }
  auto const host = on_host(tensor);
  return engine_->submit(operation, [engine = engine_, tensor, host, source, tag] {
    engine->collectives.receive(host, source, tag);
    bring_back(tensor, host);
  });
}

MpiBackend::WorkPointer MpiBackend::barrier(c10d::BarrierOptions const&) {
  return engine_->submit({c10d::OpType::BARRIER, "barrier", 0, 0, {}},
                         [engine = engine_] { engine->collectives.barrier(); });
}

}  // namespace eddyline
