#pragma once

#include <string>

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

// What libeddyline_nccl.so offers to the program of the same build. It is built with EDDYLINE_NCCL
// alone and opened at run time, so that one program runs with and without a GPU.

/// Writes the UUID of a GPU of this process, by which two ranks see that they share it.
extern "C" void eddyline_nccl_gpu(int index, std::string& uuid);

/// c10d's backend over NCCL of the rank `rank` of `size`, which meet in `store`.
extern "C" void eddyline_nccl_backend(c10::intrusive_ptr<c10d::Store> const& store,
                                      int rank,
                                      int size,
                                      c10::intrusive_ptr<c10d::Backend>& backend);
