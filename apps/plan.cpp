#include "workflows/planning/plan.hpp"

#include <iostream>

#include "apps/command_line.hpp"
#include "apps/trust_flag.hpp"
#include "apps/verbs.hpp"
#include "surrogates/trust.hpp"

namespace eddyline {
namespace {

VerbUsage plan_usage() {
  return {.name = "plan",
          .description =
              "Says before a training what a rank will need: the most memory, and the bytes that "
              "it sends in an optimiser step by what they are for, for every number of ranks up to "
              "plan.ranks and every parallel.domain that the grid and the network's patch allow. "
              "It takes the configuration of the training, opens the data, and tries steps of one "
              "rank on this processor with made-up numbers while nothing is sent; what is too big "
              "to try here is marked ~ and goes on from smaller blocks.",
          .flags = {kTrustFlag},
          .example = "eddyline plan train.yaml plan.ranks=8"};
}

}  // namespace

int run_plan(std::vector<std::string> const& arguments, Communicator const& world) {
  auto const line = parse_command_line<PlanJobConfig>(arguments, plan_usage(), world);
  if (!line) {
    return 0;
  }
  world.together([&] {
    require(world.size() == 1, "plan tries the ranks one by one; run it without mpirun");
  });
  set_trust(line->has(kTrustFlag.first) ? Trust::given : Trust::refused);
  std::cout << plan_table(plan(line->config));
  return 0;
}

}  // namespace eddyline
