#include "apps/command_line.hpp"
#include "apps/trust_flag.hpp"
#include "apps/verbs.hpp"
#include "surrogates/trust.hpp"
#include "workflows/rollout/run_rollout.hpp"

namespace eddyline {
namespace {

VerbUsage rollout_usage() {
  return {.name = "rollout",
          .description =
              "Lets a trained network (or a solver) step on for as long as you like, many "
              "trajectories at once, and writes "
              "every frame for ParaView, h5py and as data. Memory does not grow with the steps. "
              "NaN or Inf ends it with exit "
              "code 4, a signal with 75; --resume goes on after the last closed segment, with as "
              "many ranks as you like. To stop a run under Open MPI's mpirun send it SIGUSR1: at "
              "SIGTERM it kills its ranks some 2 s later (more with '--mca "
              "odls_base_sigkill_timeout 60') and returns 1, whatever they saved.",
          .flags = {kTrustFlag},
          .example =
              "mpirun -np 2 eddyline rollout model=runs/quickstart/checkpoints/best.h5 steps=1000 "
              "out=runs/quickstart/long",
          .modes = {RunMode::resume, RunMode::overwrite}};
}

Existing existing(RunMode mode) {
  return mode == RunMode::resume      ? Existing::resume
         : mode == RunMode::overwrite ? Existing::overwrite
                                      : Existing::refuse;
}

}  // namespace

int run_rollout(std::vector<std::string> const& arguments, Communicator const& world) {
  auto const line = parse_command_line<RolloutConfig>(arguments, rollout_usage(), world);
  if (!line) {
    return 0;
  }
  set_trust(line->has(kTrustFlag.first) ? Trust::given : Trust::refused);
  return static_cast<int>(run_rollout(line->config, existing(line->mode), world, arguments));
}

}  // namespace eddyline
