#include "apps/command_line.hpp"
#include "apps/trust_flag.hpp"
#include "apps/verbs.hpp"
#include "surrogates/registry.hpp"
#include "surrogates/trust.hpp"
#include "workflows/training/train_job.hpp"

namespace eddyline {
namespace {

std::string describe_training() {
  std::string text =
      "Trains a surrogate on trajectories and keeps it in runs/<name>/: config.yaml, "
      "manifest.json, log.txt, metrics.csv and "
      "checkpoints/ (last.h5, best.h5). SIGTERM and SIGUSR1 save and end with exit code 75; "
      "--resume goes on bit for bit.\n";
  for (auto const& entry : surrogate_registry()) {
    text += "\nmodel.surrogate=" + entry.name + ": " + entry.summary + ". Keys of model:\n" +
            entry.default_config();
  }
  return text;
}

Existing existing_of(RunMode mode) {
  switch (mode) {
    case RunMode::resume:
      return Existing::resume;
    case RunMode::overwrite:
      return Existing::overwrite;
    case RunMode::fresh:
      break;
  }
  return Existing::refuse;
}

}  // namespace

int run_train(std::vector<std::string> const& arguments, Communicator const& world) {
  VerbUsage const usage{
      .name = "train",
      .description = describe_training(),
      .flags = {kTrustFlag},
      .example = "mpirun -np 2 eddyline train train.yaml data.path=data/ run.name=first",
      .modes = {RunMode::resume, RunMode::overwrite}};
  auto const line = parse_command_line<TrainJobConfig>(arguments, usage, world);
  if (!line) {
    return static_cast<int>(ExitCode::done);
  }
  set_trust(line->has(kTrustFlag.first) ? Trust::given : Trust::refused);
  return train(line->config, existing_of(line->mode), arguments, world);
}

}  // namespace eddyline
