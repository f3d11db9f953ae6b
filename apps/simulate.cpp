#include "apps/command_line.hpp"
#include "apps/verbs.hpp"
#include "solvers/registry.hpp"
#include "workflows/simulation/simulation.hpp"

namespace eddyline {
namespace {

std::string describe_simulation() {
  std::string text =
      "Makes trajectories with a classical solver and writes them in The Well's layout: "
      "<out>/data/{train,valid,test}/*.hdf5 and <out>/stats.yaml of the train split. Trajectories "
      "are shared among the ranks; the data do not depend on how many there are.\n";
  for (auto const& entry : solver_registry()) {
    text += "\nsolver=" + entry.name + ": " + entry.summary + ". Keys of settings:\n" +
            entry.default_config();
  }
  return text;
}

}  // namespace

int run_simulate(std::vector<std::string> const& arguments, Communicator const& world) {
  VerbUsage const usage{
      .name = "simulate",
      .description = describe_simulation(),
      .example = "mpirun -np 2 eddyline simulate out=data/waves 'settings={cells: [32, 32]}'",
      .modes = {RunMode::overwrite}};
  auto const line = parse_command_line<SimulationConfig>(arguments, usage, world);
  if (!line) {
    return static_cast<int>(ExitCode::done);
  }
  simulate(line->config,
           line->mode == RunMode::overwrite ? OldData::replace : OldData::refuse,
           world,
           arguments);
  return static_cast<int>(ExitCode::done);
}

}  // namespace eddyline
