#pragma once

#include <optional>
#include <string>
#include <vector>

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "core/communicator.hpp"

namespace eddyline {

/// The backend by which the GPUs of these ranks talk to each other: NCCL, where this build has it
/// (EDDYLINE_NCCL) and every rank has a GPU of its own. Null otherwise: a warning then says, once a
/// process, that tensors go through the host, and why. Collective.
/// \param gpu  of this rank
c10::intrusive_ptr<c10d::Backend> make_gpu_backend(Communicator const& ranks, at::Device gpu);

/// Why ranks that say this of their GPUs cannot talk directly; "" if they can.
/// \param answers  of each rank: the GPU's name in the world, or "through the host: " and why
std::string why_through_host(std::vector<std::string> const& answers);

/// Where ranks meet before they have a connection of their own: rank 0 serves it on a free port, of
/// which MPI tells the others. Collective.
c10::intrusive_ptr<c10d::Store> make_store(Communicator const& ranks);

/// Whether a backend of GPUs takes tensors of a type, and where it reduces them: with this.
bool travels_between_gpus(at::ScalarType type, std::optional<c10d::ReduceOp::RedOpType> reduction);
/// Complex numbers as pairs of real ones, which NCCL knows; copies and sums of both are the same.
at::Tensor as_real(at::Tensor const& tensor);
std::vector<at::Tensor> as_real(std::vector<at::Tensor> const& tensors);

}  // namespace eddyline
