#include "apps/program.hpp"
#include "core/device.hpp"
#include "core/ending.hpp"

int main(int argc, char** argv) {
  // First of all: any question about CUDA before this is answered "none" for good.
  eddyline::open_cuda_library();
  eddyline::keep_freed_memory();
  eddyline::leave(eddyline::run_guarded(argc, argv, eddyline::run_words));
}
