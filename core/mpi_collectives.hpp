#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <mpi.h>
#include <torch/csrc/distributed/c10d/Types.hpp>

#include "core/communicator.hpp"

namespace eddyline {

/// Collective operations on contiguous host tensors of any length, cut into pieces that MPI's
/// 32-bit counts hold. Blocking; all ranks of the communicator call the same operations in the same
/// order.
class MpiCollectives {
 public:
  using Operation = c10d::ReduceOp::RedOpType;

  /// \param piece_bytes  largest piece handed to MPI at once; at most 1 GiB
  MpiCollectives(Communicator communicator, int64_t piece_bytes);

  Communicator const& communicator() const { return communicator_; }

  /// Sums, averages, products, maxima and minima of real numbers; sums, averages and products of
  /// complex ones; bitwise and, or, xor of whole numbers; of bools, sum and max mean "any", product
  /// and min "all". \throw Error  for any other pair, naming both
  static void check_reduction(Operation operation, at::ScalarType type);

  /// Element-wise over the ranks, in place. bfloat16 and half are summed in float32 and rounded
  /// once.
  void all_reduce(at::Tensor const& data, Operation operation) const;
  /// \param input   (ranks * n elements); \param output  this rank's n of the reduced ones
  void reduce_scatter(at::Tensor const& output, at::Tensor const& input, Operation operation) const;
  void broadcast(at::Tensor const& data, int root) const;
  /// \param output  ranks * input.numel() elements, in rank order
  void all_gather(at::Tensor const& output, at::Tensor const& input) const;
  /// Rank j gets the j-th part of this rank's input. Part sizes in elements, one a rank.
  void all_to_all(at::Tensor const& output,
                  at::Tensor const& input,
                  std::vector<int64_t> const& output_parts,
                  std::vector<int64_t> const& input_parts) const;
  void send(at::Tensor const& data, int destination, int tag) const;
  void receive(at::Tensor const& data, int source, int tag) const;
  void barrier() const;

 private:
  template <class Action>
  void for_each_piece(int64_t count, int64_t element_bytes, Action action) const;

  Communicator communicator_;
  int64_t piece_bytes_;
};

}  // namespace eddyline
