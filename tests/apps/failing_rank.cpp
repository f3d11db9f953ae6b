// A program whose rank 1 fails while the others wait for it, in a barrier and in a process group,
// or which all members of a smaller group know: see program_test.cpp.
#include <ATen/ATen.h>

#include "apps/program.hpp"
#include "core/error.hpp"
#include "core/process_group.hpp"

int main(int argc, char** argv) {
  using namespace eddyline;
  return run_guarded(argc, argv, [](auto const& words, Communicator const& world) {
    auto const group = make_process_group(world);
    std::vector<at::Tensor> values = {at::ones({4})};
    auto const part = world.split(world.rank());
    if (world.rank() == 1 && words.at(0) == "group") {
      part.together([] { throw Diverged("u is NaN"); });
    }
    if (world.rank() == 1) {
      // What is queued can never finish: the others do not take part.
      auto const pending = words.at(0) == "queued" ? group->allreduce(values) : nullptr;
      throw Diverged("u is NaN");
    }
    world.barrier();
    return 0;
  });
}
